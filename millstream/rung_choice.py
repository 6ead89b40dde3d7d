"""Which rung of the ladder is shipped: by the declared objective, among those that lose nothing.

A rung passes if it is as good as float32 on the round's test rows. The champion is not asked here:
the gate compares it with the rung that was chosen, once, so that trying many rungs does not make a
promotion by luck more likely.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from millstream.config_compress import CompressConfig, Objective
from millstream.measured import FLOAT32, Measured

if TYPE_CHECKING:
    import trainer

__all__ = ["BATCH", "RungChoice", "choose_rung", "compare_with_float32"]

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
            them.
        evidence: of a rung.
    """
    refused: dict[str, str] = {}
    comparisons = {}
    for name, one in measured.items():
        found = compare_with_float32(section, gate, evidence(one))
        if found is not None:
            comparisons[name] = found
        reason = gate.unfaithful(evidence(one)) or unproven(section.margin, found)
        if reason is not None and name != FLOAT32:
            refused[name] = reason
    wanted = [name for name in section.rungs if name in measured and name not in refused]
    # Float32 comes last, so it ships where nothing passes, or what passes is larger or slower.
    ranked = sorted([*wanted, FLOAT32], key=lambda name: price(section.objective, measured, name))
    return RungChoice(measured[ranked[0]], refused, comparisons)


def compare_with_float32(
    section: CompressConfig, gate: trainer.ScoreGate, evidence: trainer.Evidence
) -> trainer.Comparison | None:
    """A rung against its own float32, row by row, with the gate's test; None if it cannot be told.

    With a margin the threshold is that; without one it is `compress.max_loss`.
    """
    answers = evidence.answers
    if answers is None or answers.float32 is None:
        return None
    margin = section.max_loss if section.margin is None else section.margin
    against = answers.against(answers.float32)
    return gate.test.compare(against, gate.metric, 0.0 - margin, evidence.seed)


def unproven(margin: float | None, found: trainer.Comparison | None) -> str | None:
    """Why a rung is not shown to be as good as float32, where a margin asks for that."""
    if margin is None:
        return None
    if found is None:
        return "it cannot be compared with float32 row by row"
    if found.proven:
        return None
    return (
        f"{found.metric} {found.gain:+.4f} against float32, at least {found.low:+.4f} with"
        f" confidence {found.confidence:.4g} (more than {found.threshold:+.4g} needed)"
    )


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
