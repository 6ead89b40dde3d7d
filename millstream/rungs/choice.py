"""Which rung of the ladder is shipped: by the declared objective, among those that lose nothing.

A rung passes if it is as good as float32 on the round's test rows. Of many rungs that are worse by
the margin, some would look good on these rows by luck, and the smallest of them would ship. So with
a margin all that were tried are judged together [Holm, "A simple sequentially rejective multiple
test procedure", 1979]: the chance that one of them passes which loses the margin or more is
1 - confidence, however many there are and however alike they fail.

The champion is not asked here: the gate compares it with the rung that was chosen, once, so that
trying many rungs does not make a promotion by luck more likely.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from millstream.config.compress import CompressConfig, Objective
from millstream.rungs.measured import FLOAT32, Measured

if TYPE_CHECKING:
    import trainer

__all__ = [
    "BATCH",
    "RungChoice",
    "RungJudge",
    "choose_rung",
    "compare_with_float32",
]

BATCH = 1  # whose latency counts: one record at a time is what most serve


@dataclass(frozen=True, eq=False)
class RungChoice:
    """What is shipped, and why not the others.

    Attributes:
        chosen: the rung to ship; float32 if no other that passes is better by the objective.
        refused: by rung why it is not as good as float32; nothing of one that passes.
        comparisons: by rung the paired comparison with float32, where there can be one.
    """

    chosen: Measured
    refused: Mapping[str, str]
    comparisons: Mapping[str, trainer.Comparison]


def choose_rung(
    section: CompressConfig,
    gate: trainer.ScoreGate,
    measured: Mapping[str, Measured],
    evidence: Callable[[Measured], trainer.Evidence],
) -> RungChoice:
    """Choose among what was measured.

    Args:
        section: the objective, and what may be lost.
        gate: says whether a rung is as good as float32, by its metric and its paired test.
        measured: by rung, in the order of the configuration, which settles ties; float32 among
            them. All others count as tried, also those that the section does not name.
        evidence: of a rung.
    """
    judge = RungJudge(section, gate, evidence)
    refused = judge.refused(measured)
    wanted = [name for name in section.rungs if name in measured and name not in refused]
    # Float32 comes last, so it ships where nothing passes, or what passes is larger or slower.
    ranked = sorted([*wanted, FLOAT32], key=lambda name: price(section.objective, measured, name))
    return RungChoice(measured[ranked[0]], refused, judge.comparisons(measured))


@dataclass
class RungJudge:
    """Says which rungs are as good as float32; each is compared once, however often it is asked.

    Attributes:
        section: what may be lost.
        gate: as `choose_rung` takes it.
        evidence: of a rung.
        compared: what is known, by how many were tried.
    """

    section: CompressConfig
    gate: trainer.ScoreGate
    evidence: Callable[[Measured], trainer.Evidence]
    compared: dict[tuple[int, Measured], trainer.Comparison | None] = field(default_factory=dict)

    def comparisons(self, measured: Mapping[str, Measured]) -> dict[str, trainer.Comparison]:
        """By rung the paired comparison with float32, where there can be one."""
        tried, found = tries(self.section, measured), {}
        for name, one in measured.items():
            key = (tried, one)
            if key not in self.compared:
                evidence = self.evidence(one)
                self.compared[key] = compare_with_float32(self.section, self.gate, evidence, tried)
            compared = self.compared[key]
            if compared is not None:
                found[name] = compared
        return found

    def refused(self, measured: Mapping[str, Measured]) -> dict[str, str]:
        """By rung why it is not as good as float32; nothing of one that is."""
        tried, comparisons = tries(self.section, measured), self.comparisons(measured)
        comparisons.pop(FLOAT32, None)
        mended = [name for name, one in measured.items() if one.kept]
        levels = levels_of(comparisons, tried, mended)
        refused: dict[str, str] = {}
        for name, one in measured.items():
            if name == FLOAT32:
                continue
            level = levels.get(name, 0.0)
            unshown = unproven(self.section.margin, comparisons.get(name), level, tried)
            if reason := self.gate.unfaithful(self.evidence(one)) or unshown:
                refused[name] = reason
        return refused


def compare_with_float32(
    section: CompressConfig, gate: trainer.ScoreGate, evidence: trainer.Evidence, tried: int = 1
) -> trainer.Comparison | None:
    """A rung against its own float32, row by row, with the gate's test; None if it cannot be told.

    With a margin the threshold is that; without one it is `compress.max_loss`. Bounds and `proven`
    are those of the rung by itself; the test is fine enough for it to be one of so many `tried`.
    """
    answers = evidence.answers
    if answers is None or answers.float32 is None:
        return None
    margin = section.max_loss if section.margin is None else section.margin
    against = answers.against(answers.float32)
    test = gate.test.among(tried) if tried > 1 else gate.test
    return test.compare(against, gate.metric, 0.0 - margin, evidence.seed)


def tries(section: CompressConfig, measured: Mapping[str, Measured]) -> int:
    """How many times something may be taken for as good as float32.

    That is each rung but float32, and with a margin each a second time where it may be mended: what
    is tried then is one form of it, those that keep less being judged only behind one that passed.
    """
    again = section.margin is not None and section.reverts > 0
    return (len(measured) - 1) * (2 if again else 1)


def levels_of(
    comparisons: Mapping[str, trainer.Comparison], tried: int, mended: Collection[str] = ()
) -> dict[str, float]:
    """By rung what its p must be below, so that all of them together are as sure as one alone.

    Holm's: the smallest p is held against a `tried`-th of the level, the next against one of those
    that are left, and so on; after the first that fails, all others do, which are held against the
    same. The share of a mended rung goes to its own forms that keep less, not to other rungs.
    """
    levels: dict[str, float] = {}
    failed, left = None, tried
    for name, found in sorted(comparisons.items(), key=lambda one: one[1].p):
        level = (1 - found.confidence) / left if failed is None else failed
        levels[name] = level
        if found.p >= level:
            failed = level
        elif name not in mended:
            left -= 1
    return levels


def unproven(
    margin: float | None, found: trainer.Comparison | None, level: float, tried: int
) -> str | None:
    """Why a rung is not shown to be as good as float32, where a margin asks for that."""
    if margin is None:
        return None
    if found is None:
        return "it cannot be compared with float32 row by row"
    if found.p < level:
        return None
    told = (
        f"{found.metric} {found.gain:+.4f} against float32, at least {found.low:+.4f} with"
        f" confidence {found.confidence:.4g} (more than {found.threshold:+.4g} needed"
    )
    if tried == 1:
        return f"{told})"
    return f"{told}, and as one of {tried} tries p below {level:.2g}, which is {found.p:.2g})"


def price(objective: Objective, measured: Mapping[str, Measured], name: str) -> float:
    """What is to be small; sizes are those of the compressed file, as it is stored and sent."""
    one, reference = measured[name].cost, measured[FLOAT32].cost
    latency, usual = one.latency_ms.get(BATCH), reference.latency_ms.get(BATCH)
    size = one.gzip_bytes / reference.gzip_bytes
    if objective == "smallest":
        return size
    if latency is None or not usual:
        return math.inf
    time = latency / usual
    return time if objective == "fastest" else math.sqrt(size * time)
