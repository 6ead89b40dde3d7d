"""What the gate found, as tags, metrics and text of a version."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

__all__ = ["gate_metrics", "gate_tags", "gate_text", "tell_gain"]

PREFIX = "millstream.gate."
TESTS = {
    "delong": "DeLong's test",
    "mcnemar": "McNemar's and Tango's test",
    "t": "the paired t",
    "bootstrap": "the paired bootstrap",
}
MOST_GUARDS = 50  # that a text tells of


def gate_tags(numbers: Mapping[str, Any], most_chars: int) -> dict[str, str]:
    """The numbers of a verdict as tags; none of a verdict without numbers.

    Args:
        numbers: of `trainer.Verdict`.
        most_chars: that a tag's value may have.
    """
    tags = {}
    for name, value in numbers.items():
        if name == "guards":
            told = "; ".join(tell_guard(guard) for guard in value)
            tags[PREFIX + name] = told[:most_chars]
        else:
            tags[PREFIX + name] = f"{value:.6g}" if isinstance(value, float) else str(value)
    return tags


def gate_metrics(numbers: Mapping[str, Any]) -> dict[str, float]:
    """The numbers that are worth a curve over the rounds."""
    names = ("gain", "low", "high", "p", "baseline")
    return {f"gate_{name}": numbers[name] for name in names if name in numbers}


def tell_gain(tags: Mapping[str, str]) -> str:
    """The gain over the champion from a version's tags, and below it the least that it may be."""
    gain, low = (_number(tags, name) for name in ("gain", "low"))
    if gain is None:
        return "-"
    return f"{gain:+.4f}" if low is None else f"{gain:+.4f}\n≥ {low:+.4f}"


def gate_text(reason: str, numbers: Mapping[str, Any], champion: int | None) -> str:
    """A version's page in Markdown: why it was promoted or not, and by which numbers.

    Args:
        reason: the verdict's.
        numbers: its numbers.
        champion: the version that it was compared with; None if there was none.
    """
    lines = [reason]
    if "p" in numbers:
        lines.append(
            f"Against version {champion} on the same {numbers['rows']:,} test rows, by"
            f" {TESTS[numbers['test']]}: {numbers['metric']} {numbers['gain']:+.4f}, from"
            f" {numbers['low']:+.4f} to {numbers['high']:+.4f}, each bound at"
            f" {numbers['confidence']:.4g}; p {numbers['p']:.3g} of a gain of at most"
            f" {numbers['threshold']:+.4g}."
        )
    guards = numbers.get("guards", [])
    if guards:
        rows = [
            f"| {guard['slice'] or 'all rows'} {cell(guard['value'])} | {guard['rows']:,} |"
            f" {guard['metric']} {guard['gain']:+.4f} | {guard['low']:+.4f} |"
            f" {guard['high']:+.4f} | {'yes' if guard['held'] else 'no'} |"
            for guard in guards[:MOST_GUARDS]
        ]
        head = "| guard | rows | gain | at least | at most | held |\n|---|---|---|---|---|---|"
        lines.append("\n".join([head, *rows]))
    return "\n\n".join(lines)


def cell(value: str) -> str:
    """A word of the stream's as a part of a table's cell."""
    return " ".join(value.split()).replace("|", "\\|")


def tell_guard(guard: Mapping[str, Any]) -> str:
    """One comparison of a guard in a line."""
    where = f"{guard['slice']}={guard['value']} " if guard["slice"] else ""
    held = "" if guard["held"] else " BROKEN"
    bounds = f"[{guard['low']:+.4f}, {guard['high']:+.4f}]"
    return f"{where}{guard['metric']} {guard['gain']:+.4f} {bounds}{held}"


def _number(tags: Mapping[str, str], name: str) -> float | None:
    try:
        return float(tags[PREFIX + name])
    except (KeyError, ValueError):
        return None
