"""Looks for drift: in the errors of the learner on the holdout, and in the features of its rows.

Pure functions of what all workers know, so all of them find the same.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from millstream.config.config import Config
from millstream.config.drift import DriftConfig
from millstream.drift.holdout_sample import HoldoutSample
from millstream.drift.state import DriftState
from millstream.prequential.rows import Tested

if TYPE_CHECKING:
    import trainer.drift

__all__ = ["Watched", "check_watching", "make_feature_test", "watch", "watch_errors"]

log = logging.getLogger("millstream")

LEAST_ROWS = 50
"""Of a reference and of a window, to compare their features."""


@dataclass(frozen=True, eq=False)
class Watched:
    """What was found in a round.

    Attributes:
        state: for the next round.
        finding: the first rise of the error; None if there is none.
        changed_ms: the timestamp from which on it was higher, as estimated.
        shifts: of the features that were compared.
    """

    state: DriftState
    finding: trainer.drift.Finding | None = None
    changed_ms: int | None = None
    shifts: tuple[trainer.drift.FeatureShift, ...] = ()

    @property
    def why(self) -> str:
        """What was found, as a phrase; "" if nothing."""
        found = [] if self.finding is None else [told(self.finding)]
        for shift in self.shifts:
            if shift.shifted:
                name = "all features together" if shift.name == "*" else f"feature {shift.name}"
                found.append(f"{name} shifted by {shift.distance:.2f}")
        return "; ".join(found)

    def to_json(self) -> dict[str, Any]:
        """A plain form, for the round's report."""
        finding = None
        if self.finding is not None:
            finding = {**self.finding.to_json(), "changed_ms": self.changed_ms}
        return {
            "found": self.why,
            "error": finding,
            "features": [shift.to_json() for shift in self.shifts],
        }


def watch(
    config: Config, before: DriftState, tested: Tested, sample: HoldoutSample | None
) -> Watched:
    """What a round's holdout shows.

    Args:
        config: the configuration in force.
        before: the state after the parent.
        tested: the holdout of all workers, with the predictions of a learner that was trained
            before; without predictions no errors are looked at.
        sample: of that holdout; None when features are not compared.
    """
    found = watch_errors(config, before, tested)
    return found if sample is None else watch_features(config.drift, found, sample)


def watch_errors(config: Config, before: DriftState, tested: Tested) -> Watched:
    """What the errors show; the detector begins anew with the round after a finding."""
    import trainer
    from trainer.drift import error_scale, row_errors

    section = config.drift
    if section.detector.kind == "none" or tested.learner is None or not len(tested):
        return Watched(before)
    scale = before.scale or error_scale(tested.labels)
    detector = restored(config, before)
    try:
        errors = row_errors(config.train.task, tested.labels, tested.learner, section.error, scale)
        state = detector.get_state()
        found = detector.update(errors)
    except trainer.DriftError as error:
        log.warning("drift cannot be looked for: %s", error)
        return Watched(before)
    if not found:
        return Watched(replace(before, detector=detector.get_state(), scale=scale))
    read = state["rows"] + len(state["rest"])
    place = min(max(found[0].change - read, 0), len(tested) - 1)
    changed_ms = int(tested.timestamp[place])
    return Watched(replace(before, detector=None, scale=scale), found[0], changed_ms)


def watch_features(section: DriftConfig, found: Watched, sample: HoldoutSample) -> Watched:
    """What the features show as well; after a shift the window is what others are compared with."""
    test = make_feature_test(section)
    before = found.state.reference
    if before is None or not before.has_features_of(sample):
        return replace(found, state=replace(found.state, reference=sample.first(test.rows)))
    shifts: tuple[trainer.drift.FeatureShift, ...] = ()
    if min(len(before), len(sample)) >= LEAST_ROWS:
        shifts = test.compare(before.features(test.rows), sample.features(test.rows))
    parts = [sample] if any(shift.shifted for shift in shifts) else [before, sample]
    reference = HoldoutSample.merge(parts, test.rows)
    return replace(found, state=replace(found.state, reference=reference), shifts=shifts)


def restored(config: Config, before: DriftState) -> trainer.drift.ErrorDetector:
    """The detector as the parent left it; a new one if that one had another seed or defaults."""
    import trainer

    detector = make_detector(config.drift, config.sample.seed)
    try:
        if before.detector is not None:
            detector.set_state(before.detector)
    except trainer.DriftError as error:
        log.warning("the drift detector begins anew: %s", error)
    return detector


def make_detector(section: DriftConfig, seed: int) -> trainer.drift.ErrorDetector:
    """The detector that the section describes, which has read nothing.

    Raises:
        trainer.SettingsError: it has no such parameter, or one is out of its range.
    """
    from trainer.drift import ErrorDetector, make_kind

    kind = make_kind(section.detector.kind, section.detector.parameters)
    return ErrorDetector(kind, section.group_rows, seed)


def make_feature_test(section: DriftConfig) -> trainer.drift.FeatureTest:
    """The test that the section describes.

    Raises:
        trainer.SettingsError: it has no such parameter, or one is out of its range.
    """
    from trainer.drift import make_feature_test

    return make_feature_test(section.feature_test.kind, section.feature_test.parameters)


def told(finding: trainer.drift.Finding) -> str:
    """A finding as a phrase."""
    return f"the error rose from {finding.before:.3f} to {finding.after:.3f}"


def check_watching(config: Config) -> None:
    """Check that all that is to be watched can be made.

    Raises:
        trainer.SettingsError: a parameter is unknown or out of its range.
    """
    if config.drift.detector.kind != "none":
        make_detector(config.drift, config.sample.seed)
    if config.drift.feature_test.kind != "none":
        make_feature_test(config.drift)
