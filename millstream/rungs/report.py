"""What is told of all rungs of a version: a report, a picture, and a few numbers."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from millstream.durable import write_bytes
from millstream.pipeline import Pipeline
from millstream.plain import finite
from millstream.rounds.folder import RoundFolder
from millstream.rungs.choice import RungChoice
from millstream.rungs.measured import FLOAT32, Measured
from millstream.rungs.pareto import draw_pareto

if TYPE_CHECKING:
    import trainer

__all__ = [
    "KEPT_TAG",
    "cost_tags",
    "draw_rungs",
    "kept_of",
    "report_rungs",
    "tell_rungs",
    "write_rungs",
]

FORMAT = "millstream.rungs/1"
LATENCY_TAG = "millstream.latency_ms"
KEPT = ("float", "int8")
MEMORY_TAG = "millstream.memory_bytes"
KEPT_TAG = "millstream.kept_"
"""Before "float" or "int8": the operations that the rung of a version keeps in these numbers."""


def tell_rungs(
    measured: Mapping[str, Measured],
    choice: RungChoice,
    skipped: Mapping[str, str],
    champion: Mapping[str, trainer.Comparison],
) -> list[dict[str, Any]]:
    """One plain entry for each rung, those that were skipped last.

    Args:
        measured: by rung.
        choice: what became of them.
        skipped: by rung why it could not be climbed.
        champion: by rung the paired comparison with the champion, where there is one.
    """
    entries = [
        tell_rung(one, choice, champion.get(name), measured[FLOAT32])
        for name, one in measured.items()
    ]
    return entries + [{"rung": name, "skipped": reason} for name, reason in skipped.items()]


def tell_rung(
    one: Measured,
    choice: RungChoice,
    champion: trainer.Comparison | None,
    reference: Measured,
) -> dict[str, Any]:
    """A rung as plain data."""
    rung, cost = one.artifact.rung, one.cost
    against = choice.comparisons.get(rung)
    told = {
        "rung": rung,
        "bytes": cost.bytes,
        "gzip_bytes": cost.gzip_bytes,
        "bytes_ratio": cost.bytes / reference.cost.bytes,
        "gzip_ratio": cost.gzip_bytes / reference.cost.gzip_bytes,
        "latency_ms": {str(batch): ms for batch, ms in cost.latency_ms.items()},
        "memory_bytes": cost.memory_bytes,
        "scores": one.scores,
        "output_difference": one.difference,
        **{f"kept_{dtype}": kept_as(one, dtype) for dtype in KEPT},
        "against_float32": None if against is None else against.to_json(),
        "against_champion": None if champion is None else champion.to_json(),
        "refused": choice.refused.get(rung),
        "chosen": one is choice.chosen,
        "notes": list(one.artifact.notes),
    }
    plain: dict[str, Any] = finite(told)
    return plain


def write_rungs(path: Path, objective: str, metric: str, rungs: list[dict[str, Any]]) -> Path:
    """Write the report as JSON; returns its path."""
    report = {"format": FORMAT, "objective": objective, "metric": metric, "rungs": rungs}
    write_bytes(path, json.dumps(report, indent=1, allow_nan=False).encode())
    return path


def report_rungs(pipeline: Pipeline, folder: RoundFolder, rungs: list[dict[str, Any]]) -> Path:
    """Write the report of a version's rungs into its round's folder; returns its path."""
    config = pipeline.config
    path = folder.path / "rungs.json"
    return write_rungs(path, config.compress.objective, config.metric, rungs)


def draw_rungs(pipeline: Pipeline, folder: RoundFolder, rungs: list[dict[str, Any]]) -> Path:
    """Draw a version's rungs into its round's folder, as a PNG; returns its path."""
    import trainer

    metric = pipeline.config.metric
    higher = trainer.higher_is_better(metric)
    return draw_pareto(rungs, metric, folder.path / "pareto.png", higher_is_better=higher)


def cost_tags(chosen: Measured) -> dict[str, str]:
    """What the version that ships costs, as tags; what was not measured has none."""
    latency, memory = chosen.cost.latency_ms, chosen.cost.memory_bytes
    tags = {f"{LATENCY_TAG}.{batch}": f"{ms:.4g}" for batch, ms in latency.items()}
    if 1 in latency:
        tags[LATENCY_TAG] = f"{latency[1]:.4g}"
    if memory is not None:
        tags[MEMORY_TAG] = str(memory)
    if chosen.kept:
        tags[f"{KEPT_TAG}{chosen.kept_as}"] = json.dumps(chosen.kept)
    return tags


def kept_as(one: Measured, dtype: str) -> list[str]:
    """The operations that a rung keeps in these numbers."""
    return list(one.kept) if one.kept_as == dtype else []


def kept_of(tags: Mapping[str, str]) -> tuple[str, ...]:
    """The operations that the rung of a version keeps in larger numbers, by the version's tags."""
    return tuple(
        name for dtype in KEPT for name in json.loads(tags.get(f"{KEPT_TAG}{dtype}", "[]"))
    )
