"""A rung that loses a little too much is tried again with its worst operations back in float."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from millstream.config_compress import CompressConfig
from millstream.measured import FLOAT32, Measured
from millstream.measuring import Score, ladder_settings, score_artifact
from millstream.rung_choice import choose_rung
from registry import Artifact, RegistryError, Subject
from registry.compress import BYTES, climb, keeping_float, worst_ops

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import trainer

__all__ = ["LITTLE", "revert"]

LITTLE = 4.0  # times the loss that is allowed: a rung that loses more is beyond mending
ROWS = 256  # that operations are compared on
MOST = 6  # operations that are tried at each turn
SECONDS = 10.0


def revert(
    section: CompressConfig,
    gate: trainer.ScoreGate,
    subject: Subject,
    measured: Mapping[str, Measured],
    features: Mapping[str, NDArray[Any]],
    score: Score,
    evidence: Callable[[Measured], trainer.Evidence],
) -> dict[str, Measured]:
    """What was measured, with rungs in place of those that failed by a little, where they pass.

    Operations are chosen by how far the answers are from float32's, never by labels. At most
    `compress.reverts` of them go back for a rung.

    Args:
        section: what may be lost.
        gate: says whether it was.
        subject: the model.
        measured: by rung.
        features: of the test rows.
        score: of predictions for them.
        evidence: of a rung; of the champion it need not tell.
    """
    found = dict(measured)
    refused = choose_rung(section, gate, measured, evidence).refused
    for name in refused:
        if name in BYTES and loses_little(section, gate, measured[name], measured[FLOAT32]):
            for one in mended(section, subject, measured[FLOAT32], name, features, score):
                if name not in choose_rung(section, gate, found | {name: one}, evidence).refused:
                    found[name] = one
                    break
    return found


def loses_little(
    section: CompressConfig, gate: trainer.ScoreGate, one: Measured, reference: Measured
) -> bool:
    """Whether a rung that was refused is near enough to be mended."""
    import trainer

    metric = gate.metric
    if metric not in one.scores or metric not in reference.scores:
        return False
    sign = 1 if trainer.higher_is_better(metric) else -1
    loss = sign * (reference.scores[metric] - one.scores[metric])
    allowed = section.max_loss if section.margin is None else section.margin
    return bool(loss <= LITTLE * allowed)


def mended(
    section: CompressConfig,
    subject: Subject,
    reference: Measured,
    name: str,
    features: Mapping[str, NDArray[Any]],
    score: Score,
) -> Iterator[Measured]:
    """A rung again and again, each time with one more operation in float, measured."""
    import trainer

    settings = ladder_settings(section, (name,))
    few = {column: values[:ROWS] for column, values in features.items()}
    kept: tuple[str, ...] = ()
    for _ in range(section.reverts):
        try:
            rung = keeping_float(name, kept, settings)
            tried = worst_ops(rung, subject, few, most=MOST, seconds=SECONDS)
        except RegistryError:  # it cannot be made or run on these rows with less in float
            return
        if not tried or tried[0].gain <= 0:
            return
        kept = (*kept, *tried[0].names)
        artifact = climb(keeping_float(name, kept, settings), subject)
        if not isinstance(artifact, Artifact):
            return
        try:
            found = score_artifact(artifact, reference, features, score)
        except (RegistryError, trainer.MetricError):
            return
        yield replace(found, kept_float=kept)
