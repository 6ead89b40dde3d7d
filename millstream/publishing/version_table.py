"""What a table says of registered versions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from rich.table import Table

from millstream.publishing.gate_report import tell_gain
from registry import ModelVersion

__all__ = ["state_of", "version_facts", "versions_table"]

COLUMNS = {
    "version": 0,
    "when": 100,
    "records": 112,
    "score": 0,
    "gain": 88,
    "rung": 136,
    "bytes": 122,
    "latency": 148,
    "state": 0,
    "reason": 0,
}
"""Title -> how wide a terminal must be to show the column beside the others."""
RIGHT = frozenset({"version", "records", "gain", "bytes", "latency"})
METRIC_TAGS = ("millstream.metric", "millstream.gate.metric")
USUAL = ("auc", "accuracy", "rmse", "log_loss", "mae", "r2")
LATENCY_TAG = "millstream.latency_ms"


def version_facts(version: ModelVersion) -> dict[str, Any]:
    """A version as plain data for programs, with what the table derives."""
    metric = metric_of(version)
    return {
        **version.to_json(),
        "state": state_of(version),
        "records": records_of(version),
        "metric": metric,
        "score": version.metrics.get(f"test_{metric}"),
        "score_interval": interval_of(version, metric),
        "latency_ms": latency_of(version),
    }


def versions_table(versions: Sequence[ModelVersion], width: int) -> Table:
    """The versions, with the columns that a terminal of some width has room for.

    No word is cut: what has no room is left out, and the caption says what.
    """
    shown = [title for title, least in COLUMNS.items() if width >= least]
    missing = [title for title in COLUMNS if title not in shown]
    told = f"a wider terminal, or --json, has {', '.join(missing)} too" if missing else None
    table = Table(header_style="bold", pad_edge=False, caption=told, caption_justify="left")
    for title in shown:
        side: Literal["left", "right"] = "right" if title in RIGHT else "left"
        table.add_column(title, justify=side, overflow="fold", no_wrap=title in RIGHT)
    for version in versions:
        cells = version_cells(version)
        table.add_row(*(cells[title] for title in shown))
    return table


def version_cells(version: ModelVersion) -> dict[str, str]:
    """What is said of a version, by column; what is not known is blank."""
    records, latency = records_of(version), latency_of(version)
    return {
        "version": str(version.version),
        "when": f"{version.created:%Y-%m-%d %H:%M:%S}",
        "records": "" if records is None else f"{records:,}",
        "score": tell_score(version),
        "gain": tell_gain(version.tags),
        "rung": version.rung,
        "bytes": f"{version.gzip_bytes:,}",
        "latency": "" if latency is None else f"{latency:.3g} ms",
        "state": state_of(version),
        "reason": version.reason,
    }


def state_of(version: ModelVersion) -> str:
    """Its aliases; else "refused", "retired" (it was promoted once), "open" or "not ours"."""
    if version.aliases:
        return ", ".join(version.aliases)
    if version.round < 0:
        return "not ours"
    if not version.is_decided:
        return "open"
    return "retired" if version.promoted else "refused"


def tell_score(version: ModelVersion) -> str:
    """The score with its metric, and below it the interval where one is known."""
    metric = metric_of(version)
    score = version.metrics.get(f"test_{metric}")
    if score is None:
        return ""
    interval = interval_of(version, metric)
    told = f"{metric} {score:.4f}"
    return told if interval is None else f"{told}\n[{interval[0]:.4f}, {interval[1]:.4f}]"


def metric_of(version: ModelVersion) -> str:
    """The metric that decides: as its tags say, else the first usual one that it has."""
    named = next((version.tags[tag] for tag in METRIC_TAGS if tag in version.tags), None)
    return named or next((name for name in USUAL if f"test_{name}" in version.metrics), "score")


def interval_of(version: ModelVersion, metric: str) -> tuple[float, float] | None:
    """Within which the score lies, at the confidence that its metrics were made with."""
    low, high = (version.metrics.get(f"test_{metric}_{end}") for end in ("low", "high"))
    return None if low is None or high is None else (low, high)


def records_of(version: ModelVersion) -> int | None:
    """How many records its round read."""
    records = version.metrics.get("records")
    return None if records is None else int(records)


def latency_of(version: ModelVersion) -> float | None:
    """Median time of one prediction, ms."""
    try:
        return float(version.tags[LATENCY_TAG])
    except (KeyError, ValueError):
        return None
