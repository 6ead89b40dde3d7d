"""What the report says of a round's holdout: a function of its rows and of the parent's report.

All workers that have the same rows, in the same order, come to the same scores.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from millstream.config.config import Config
from millstream.plain import finite
from millstream.prequential.rows import Tested

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import trainer

__all__ = ["score_rows"]

log = logging.getLogger("millstream")

SLICED = ("learner", "champion")
BESIDE = ("champion", "river")


def score_rows(config: Config, tested: Tested, before: Mapping[str, Any]) -> dict[str, Any]:
    """The scores of everyone on the rows, and what the next round goes on with.

    A function of its arguments alone: all workers that have the same rows have the same report.

    Args:
        config: the configuration in force.
        tested: the rows of all workers, in the order of time.
        before: what this function returned for the parent; empty after round 0.

    Returns:
        `rows`; one entry of scores each for `learner`, `champion` and `river` (if there is one that
        can be scored), `majority_class` and `no_change`; `faded`, the faded scores of each of
        these and their sums; `slices`, if there are any, by model, feature and value; and the
        `state` of the baselines. When the records cannot be scored, `failed` says why, and all that
        is carried from round to round is the parent's.
    """
    import trainer

    task = config.train.task
    baselines = trainer.Baselines.from_json(before.get("state"), task)
    faded = {who: trainer.Faded.from_json(f, task) for who, f in before.get("faded", {}).items()}
    carried = {"rows": len(tested), "state": baselines.to_json(), "faded": to_json(faded)}
    if len(tested) == 0:
        return carried
    if tested.learner is None:
        log.warning("the holdout cannot be scored: %s", tested.failed)
        return {**carried, "failed": tested.failed}
    try:
        predicted = {
            **predictions_of(tested),
            **trainer.predict_baselines(task, tested.labels, baselines),
        }
        scores = score_each(task, tested, predicted)
    except trainer.MetricError as error:
        log.warning("the holdout cannot be scored: %s", error)
        return {**carried, "failed": str(error)}
    for who, given in scores.items():
        values = trainer.row_losses(task, tested.labels, predicted[who])
        known = faded.get(who, trainer.Faded.empty())
        faded[who] = known.after(values, given, tested.weights, config.prequential.fading)
    told: dict[str, Any] = {**carried, **finite(scores), "faded": to_json(faded)}
    if "champion" in scores:
        told["champion_version"] = tested.champion_version
    if tested.groups:
        sliced = {who: predicted[who] for who in SLICED if who in scores}
        told["slices"] = finite(score_slices(config, tested, sliced))
    after = trainer.update(baselines, tested.labels, tested.weights)
    return {**told, "state": after.to_json()}


def predictions_of(tested: Tested) -> dict[str, NDArray[Any]]:
    """What there are predictions of."""
    found = {"learner": tested.learner, "champion": tested.champion, "river": tested.river}
    return {who: output for who, output in found.items() if output is not None}


def score_each(
    task: trainer.Task, tested: Tested, predicted: Mapping[str, NDArray[Any]]
) -> dict[str, dict[str, float]]:
    """The scores of all; those beside the learner that do not fit the labels are left out.

    Raises:
        trainer.MetricError: the learner, or the labels themselves, cannot be scored.
    """
    import trainer

    scores = {}
    for who, output in predicted.items():
        try:
            scores[who] = trainer.score(task, tested.labels, output, tested.weights)
        except trainer.MetricError as error:
            if who not in BESIDE:
                raise
            log.warning("the %s cannot be scored on these records: %s", who, error)
    return scores


def score_slices(
    config: Config, tested: Tested, predicted: Mapping[str, NDArray[Any]]
) -> dict[str, Any]:
    """Rows and metrics of each slice, by model, feature and value."""
    import trainer

    section, task = config.prequential, config.train.task
    settings = trainer.SliceSettings(section.slice_values, section.slice_rows)
    told: dict[str, Any] = {}
    for who, output in predicted.items():
        found = trainer.slice_scores(
            task, tested.labels, output, tested.weights, tested.groups, settings
        )
        told[who] = {
            name: {value: part.to_json() for value, part in parts.items()}
            for name, parts in found.items()
        }
    return told


def to_json(faded: Mapping[str, trainer.Faded]) -> dict[str, Any]:
    """Faded scores by who, as the report has them."""
    return {who: state.to_json() for who, state in faded.items()}
