"""A rung that loses a little too much is tried again with its worst operations in larger numbers.

With a margin, many tries would let something pass by luck. So a rung is mended at once by as many
operations as there may be, and judged a second time; only if it passes is it judged with fewer of
them, until it fails. Of such a row no more than the first form can be taken for good by luck, so a
rung counts as two tries and not as one for each operation (fixed-sequence testing).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from millstream.config.compress import CompressConfig
from millstream.rungs.choice import RungJudge
from millstream.rungs.measured import FLOAT32, Measured
from millstream.rungs.measuring import Score, ladder_settings, score_artifact
from registry import Artifact, RegistryError
from registry.compress import Sharing, climb, keep_in, keeping, make_rung, with_places, worst_ops

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import trainer

__all__ = ["LITTLE", "least_mended", "revert"]

LITTLE = 4.0  # times the loss that is allowed: a rung that loses more is beyond mending
ROWS = 256  # that operations are compared on
MOST = 6  # operations that are tried at each turn
SECONDS = 10.0
KEPT_AS = {"FLOAT32": "float", "INT8": "int8"}

Evidence = Callable[[Measured], "trainer.Evidence"]


@dataclass(frozen=True)
class Mending:
    """What rungs are mended with.

    Attributes:
        section: how.
        shared: of the model, with what the ladder's rungs changed.
        reference: float32.
        features: of the test rows.
        score: of predictions for them.
    """

    section: CompressConfig
    shared: Sharing
    reference: Measured
    features: Mapping[str, NDArray[Any]]
    score: Score

    def measure(self, artifact: Artifact) -> Measured:
        """An artifact's scores on the test rows."""
        return score_artifact(artifact, self.reference, self.features, self.score)


def revert(
    section: CompressConfig,
    gate: trainer.ScoreGate,
    shared: Sharing,
    measured: Mapping[str, Measured],
    features: Mapping[str, NDArray[Any]],
    score: Score,
    evidence: Evidence,
) -> dict[str, Measured]:
    """What was measured, with rungs in place of those that failed by a little, where they pass.

    Operations are chosen by how far the answers are from those of the model that was made small,
    never by labels. At most `compress.reverts` of them go back for a rung.

    Args:
        section: what may be lost.
        gate: says whether it was.
        shared: of the model, with what the ladder's rungs changed.
        measured: by rung.
        features: of the test rows.
        score: of predictions for them.
        evidence: of a rung; of the champion it need not tell.
    """
    found, judge = dict(measured), RungJudge(section, gate, evidence)

    def passes(one: Measured) -> bool:
        name = one.artifact.rung
        return name not in judge.refused(found | {name: one})

    def faithful(one: Measured) -> bool:
        return gate.unfaithful(evidence(one)) is None

    mending = Mending(section, shared, measured[FLOAT32], features, score)
    for name in by_size(found, judge.refused(found)):
        if not worth_mending(section, gate, found, judge.refused(found), name):
            continue
        best = least_mended(list(mended(mending, name, faithful)), passes)
        if best is not None:
            found[name] = best
    return found


def by_size(measured: Mapping[str, Measured], names: Mapping[str, str]) -> list[str]:
    """Names of rungs, those of the smallest first."""
    return sorted(names, key=lambda name: measured[name].cost.gzip_bytes)


def least_mended(forms: Sequence[Measured], passes: Callable[[Measured], bool]) -> Measured | None:
    """Of forms that keep more and more: from the end back, the last one before one that fails."""
    found = None
    for one in reversed(forms):
        if not passes(one):
            break
        found = one
    return found


def worth_mending(
    section: CompressConfig,
    gate: trainer.ScoreGate,
    measured: Mapping[str, Measured],
    refused: Mapping[str, str],
    name: str,
) -> bool:
    """Whether a refused rung lost little, and might ship: not where a smaller one passes."""
    import trainer

    one, reference = measured[name], measured[FLOAT32]
    passing = [measured[n].cost.gzip_bytes for n in section.rungs if n in measured.keys() - refused]
    if section.objective == "smallest" and one.cost.gzip_bytes >= min(passing, default=math.inf):
        return False
    metric = gate.metric
    if metric not in one.scores or metric not in reference.scores:
        return False
    sign = 1 if trainer.higher_is_better(metric) else -1
    loss = sign * (reference.scores[metric] - one.scores[metric])
    allowed = section.max_loss if section.margin is None else section.margin
    return bool(loss <= LITTLE * allowed)


def mended(mending: Mending, name: str, faithful: Callable[[Measured], bool]) -> Iterator[Measured]:
    """A rung again and again, each time with one more operation in larger numbers, measured.

    Of a rung that changes the model it is the changed model that is kept to: where that by itself
    is not as good as float32, no operation mends it.

    Args:
        mending: what with.
        name: of the rung.
        faithful: whether something is as good as float32, by its scores.
    """
    import trainer

    section, shared = mending.section, mending.shared
    settings = ladder_settings(section, (name,))
    few = {column: values[:ROWS] for column, values in mending.features.items()}
    kept: tuple[str, ...] = ()
    try:
        last, changed = shared.reach(make_rung(name, settings))
        whole = Artifact(name, changed.float32)
        if changed is not shared.subject and not faithful(mending.measure(whole)):
            return
        for _ in range(section.reverts):
            tried = worst_ops(keep_in(last, kept), changed, few, most=MOST, seconds=SECONDS)
            if not tried or tried[0].gain <= 0:
                return
            kept = (*kept, *with_places(changed.float32, tried[0].names))
            artifact = climb(keeping(name, kept, settings), shared.subject, shared)
            if not isinstance(artifact, Artifact):
                return
            yield replace(mending.measure(artifact), kept=kept, kept_as=KEPT_AS[last.kept])
    except (RegistryError, trainer.MetricError):  # it cannot be made or run with less in it
        return
