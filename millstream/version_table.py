"""What a table says of a registered version."""

from __future__ import annotations

from typing import Any

from millstream.gate_report import tell_gain
from registry import ModelVersion

__all__ = ["COLUMNS", "state_of", "version_facts", "version_row"]

COLUMNS = {
    "version": "right",
    "when": "left",
    "records": "right",
    "score": "left",
    "gain": "right",
    "rung": "left",
    "bytes": "right",
    "latency": "right",
    "state": "left",
    "reason": "left",
}
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


def version_row(version: ModelVersion) -> tuple[str, ...]:
    """A row of the table, by `COLUMNS`; what is not known is blank."""
    records, latency = records_of(version), latency_of(version)
    return (
        str(version.version),
        f"{version.created:%Y-%m-%d %H:%M:%S}",
        "" if records is None else f"{records:,}",
        tell_score(version),
        tell_gain(version.tags),
        version.rung,
        f"{version.gzip_bytes:,}",
        "" if latency is None else f"{latency:.3g} ms",
        state_of(version),
        version.reason,
    )


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
