"""The table of a model's rungs, and the numbers for machines that are drawn from it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from bench.compress.climbing import OBJECTIVES, Climbed
from bench.compress.family_table import DEFAULT
from millstream.rungs.measured import FLOAT32, Measured

__all__ = ["never_worse", "numbers", "ratio", "table", "totals"]

HEADER = (
    "| rung | score | gain over float32 (bounds) | bytes | gzip | 1 row | 32 rows | memory | |\n"
    "|---|---:|---|---:|---:|---:|---:|---:|---|"
)
CNN = "digits"


def table(climbed: Climbed) -> Iterator[str]:
    """The lines of one model."""
    float32 = climbed.measured[FLOAT32]
    cost = float32.cost
    yield (
        f"\n{climbed.name}: float32 has {cost.bytes:,} bytes, {cost.gzip_bytes:,} with gzip; "
        f"{ms(cost.latency_ms, 1)} for a row, {ms(cost.latency_ms, 32)} for 32\n\n{HEADER}"
    )
    for name, one in climbed.measured.items():
        yield line(climbed, name, one)
    for name, reason in climbed.skipped.items():
        yield f"| {name} | | | | | | | | skipped: {reason} |"
    for name, found in climbed.fresh.items():
        if name != FLOAT32:
            yield (
                f"on {found.rows:,} fresh rows {name} gains {found.gain:+.4f} "
                f"({found.low:+.4f} to {found.high:+.4f})"
            )


def line(climbed: Climbed, name: str, one: Measured) -> str:
    """One rung's line."""
    found = climbed.comparisons.get(name)
    gain = "" if found is None else f"{found.gain:+.4f} ({found.low:+.4f} to {found.high:+.4f})"
    cells = (
        name,
        f"{one.scores[climbed.metric]:.4f}",
        "" if name == FLOAT32 else gain,
        *(shown(ratio(climbed, one, axis)) for axis in ("bytes", "gzip", "latency", "latency32")),
        "" if one.cost.memory_bytes is None else f"{one.cost.memory_bytes / 1024:,.0f} KiB",
        verdict(climbed, name, one),
    )
    return f"| {' | '.join(cells)} |"


def verdict(climbed: Climbed, name: str, one: Measured) -> str:
    """Which objectives chose it, or why it is not as good as float32."""
    chosen = [objective for objective in OBJECTIVES if climbed.chosen(objective) is one]
    kept = f"{len(one.kept)} kept {one.kept_as}" if one.kept else ""
    found = climbed.comparisons.get(name)
    if name not in climbed.refused and name != DEFAULT and found is not None and found.high < 0:
        return "passes, but is significantly worse"
    told = climbed.refused.get(name) or ", ".join(filter(None, (" ".join(chosen), kept)))
    return told or ("" if name in (FLOAT32, DEFAULT) else "passes")


def ratio(climbed: Climbed, one: Measured, axis: str) -> float | None:
    """What a rung costs over what float32 does; None where one was not measured.

    Args:
        climbed: the model.
        one: the rung.
        axis: "bytes", "gzip" (of both files with gzip), "latency" of one row, or "latency32".
    """
    ours, theirs = (cost_of(each, axis) for each in (one, climbed.measured[FLOAT32]))
    return None if ours is None or not theirs else ours / theirs


def cost_of(one: Measured, axis: str) -> float | None:
    """A cost by its axis."""
    if axis == "bytes":
        return one.cost.bytes
    if axis == "gzip":
        return one.cost.gzip_bytes
    return one.cost.latency_ms.get(32 if axis == "latency32" else 1)


def never_worse(climbed: Climbed, one: Measured) -> bool:
    """Whether a rung is not both larger and slower than TensorFlow's default."""
    default = climbed.measured[DEFAULT]
    axes = [(ratio(climbed, one, a), ratio(climbed, default, a)) for a in ("bytes", "latency")]
    return not all(
        ours is not None and theirs is not None and ours > theirs for ours, theirs in axes
    )


def numbers(climbed: Climbed) -> dict[str, float | bool]:
    """A model's own numbers, by names that begin with its name."""
    smallest, fastest = climbed.chosen("smallest"), climbed.chosen("fastest")
    default = climbed.measured[DEFAULT]
    found = {
        "bytes": ratio(climbed, smallest, "bytes"),
        "gzip": ratio(climbed, smallest, "gzip"),
        "gzip_of_bytes": smallest.cost.gzip_bytes / climbed.measured[FLOAT32].cost.bytes,
        "latency": ratio(climbed, fastest, "latency"),
        "latency32": ratio(climbed, fastest, "latency32"),
        "default_bytes": ratio(climbed, default, "bytes"),
        "default_gzip": ratio(climbed, default, "gzip"),
        "default_latency": ratio(climbed, default, "latency"),
    }
    told = {f"{climbed.name}_{n}": value for n, value in found.items() if value is not None}
    fresh = [climbed.fresh[one.artifact.rung] for one in (smallest, fastest)]
    return told | {
        f"{climbed.name}_fresh_gain": min(one.gain for one in fresh),
        f"{climbed.name}_fresh_low": min(one.low for one in fresh),
    }


def totals(every: Sequence[Climbed]) -> dict[str, float | bool]:
    """The worst over the models, and each model's own."""
    own: dict[str, float | bool] = {}
    for climbed in every:
        own |= numbers(climbed)
    found: dict[str, float | bool] = {}
    for axis in ("bytes", "gzip", "gzip_of_bytes"):
        found[f"{axis}_ratio_worst"] = max(own[f"{climbed.name}_{axis}"] for climbed in every)
    if f"{CNN}_latency" in own:
        found["latency_ratio_cnn"] = own[f"{CNN}_latency"]
    found["never_worse_than_default"] = all(
        never_worse(climbed, climbed.chosen(objective))
        for climbed in every
        for objective in OBJECTIVES
    )
    return found | own


def shown(value: float | None) -> str:
    """A ratio for people."""
    return "" if value is None else f"{value:.3f}"


def ms(latency: object, batch: int) -> str:
    """Milliseconds for people."""
    found = latency.get(batch) if isinstance(latency, dict) else None
    return "?" if found is None else f"{found:.3f} ms"
