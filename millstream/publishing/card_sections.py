"""The parts of a model card that tell of the round: records, scores, rungs, drift."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from ingest import Position
from millstream.publishing.gate_report import cell
from millstream.rounds.plan import Plan

__all__ = ["drift_section", "records_section", "rungs_section", "scores_section"]

MOST_ROWS = 50
"""Of a table; plan.json has them all."""


def records_section(plan: Plan, report: Mapping[str, Any], begin: Position) -> str:
    """Which records: offsets, time, counts, gaps, and what came before.

    Args:
        plan: of the round.
        report: of the round.
        begin: where the learner's first round began.
    """
    lines = ["## Records", tell_counts(plan, report), tell_times(report), range_table(plan)]
    if plan.gaps:
        lines.append(gap_table(plan))
    else:
        lines.append("There are no gaps: the broker still had every offset of the ranges.")
    if plan.parent:
        first = ", ".join(f"{cell(t)}[{p}] {offset:,}" for t, p, offset in list(begin.items())[:9])
        lines.append(
            f"Before them the learner had learned from the rounds 1 to {plan.parent}, of all"
            f" offsets from the first round's on ({first})."
        )
    return "\n\n".join(lines)


def tell_counts(plan: Plan, report: Mapping[str, Any]) -> str:
    """How many records, and what became of them."""
    counts = report["counts"]
    told = (
        f"Of {counts['seen']:,} records {counts['bad']:,} were bad,"
        f" {counts.get('unchecked', 0):,} were not looked into, and {report['sampled']:,} were"
        f" sampled to train on. Never trained on: {counts['validation']:,} for early stopping,"
        f" {counts['test']:,} for scores, of which samples are kept."
    )
    if plan.history_rows:
        told += f" {plan.history_rows:,} rows of the past were trained on again."
    return told


def tell_times(report: Mapping[str, Any]) -> str:
    """When the records were made, and where they lie."""
    first, last = report.get("first_timestamp"), report.get("last_timestamp")
    told = "Their timestamps are not known."
    if first is not None and last is not None:
        told = f"Their timestamps: {moment(first)} to {moment(last)}."
    cluster = report.get("cluster_id")
    return told + (f" Kafka's cluster: `{cell(cluster)}`." if cluster else "")


def moment(milliseconds: int) -> str:
    """A moment in UTC; the number where there is none so far away."""
    try:
        made = datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError):
        return f"{milliseconds} ms"
    return f"{made:%Y-%m-%d %H:%M:%S} UTC"


def range_table(plan: Plan) -> str:
    """The offsets of each partition."""
    found = plan.ranges
    rows = [
        f"| {cell(part.topic)} | {part.partition} | {part.start:,} to {part.end - 1:,} |"
        f" {len(part):,} |"
        for part in found
        if len(part)
    ]
    head = "| topic | partition | offsets | count |\n|---|---|---|---|"
    return "\n".join([head, *shortened(rows)])


def gap_table(plan: Plan) -> str:
    """What the broker had deleted."""
    rows = [
        f"| {cell(gap.topic)} | {gap.partition} | {gap.start:,} to {gap.end - 1:,} | {len(gap):,} |"
        for gap in plan.gaps
    ]
    head = (
        f"Gaps: the broker had deleted {plan.missing:,} records before they were read.\n\n"
        "| topic | partition | offsets | count |\n|---|---|---|---|"
    )
    return "\n".join([head, *shortened(rows)])


def shortened(rows: list[str]) -> list[str]:
    """Rows of a table, the last saying how many are left out."""
    if len(rows) <= MOST_ROWS:
        return rows
    left_out = f"| {len(rows) - MOST_ROWS} more are in plan.json | | | |"
    return [*rows[:MOST_ROWS], left_out]


def scores_section(
    report: Mapping[str, Any],
    outcome: Mapping[str, Any],
    intervals: Mapping[str, tuple[float, float]],
) -> str:
    """Scores of the bytes that ship, beside float32's, the champion's and the learner's before."""
    others = {
        "float32": outcome.get("float32_scores"),
        "champion": outcome.get("champion_scores"),
        "learner before the round": report["prequential"].get("learner"),
    }
    known = {name: scores for name, scores in others.items() if scores}
    rows = []
    for metric, value in outcome["scores"].items():
        bounds = intervals.get(metric)
        interval = "-" if bounds is None else f"{bounds[0]:.4f} to {bounds[1]:.4f}"
        cells = [number(scores.get(metric)) for scores in known.values()]
        rows.append(f"| {metric} | {value:.4f} | {interval} | {' | '.join(cells)} |")
    head = f"| metric | this version | 95 % interval | {' | '.join(known)} |"
    return (
        f"## Scores\n\nOn {outcome['test_rows']:,} rows of the round that no model was trained on,"
        " by the bytes that ship. The intervals are percentiles of 1,000 bootstrap resamples.\n\n"
        + "\n".join([head, "|" + "---|" * (3 + len(known)), *rows])
    )


def number(value: Any) -> str:
    """A number as a cell of a table."""
    return "-" if value is None else f"{value:.4f}"


def rungs_section(rungs: Sequence[Mapping[str, Any]], metric: str) -> str:
    """All rungs that were tried: sizes, scores, latency, and what became of them.

    Args:
        rungs: plain entries: rung, bytes, gzip_bytes, scores, latency_ms by batch, kept_float,
            kept_int8, chosen, refused; or rung and skipped. What was not measured may be missing.
        metric: the one to show.
    """
    rows = []
    for entry in rungs:
        sizes = [f"{entry[n]:,}" if n in entry else "-" for n in ("bytes", "gzip_bytes")]
        score = number(entry.get("scores", {}).get(metric))
        latency = entry.get("latency_ms", {}).get("1")
        cells = [*sizes, score, "-" if latency is None else f"{latency:.3f}", fate(entry)]
        rows.append(f"| {entry['rung']} | {' | '.join(cells)} |")
    head = f"| rung | bytes | gzip | {metric} | ms a row | |\n|---|---|---|---|---|---|"
    return "\n".join(["## Rungs of compression", "", head, *rows])


def fate(entry: Mapping[str, Any]) -> str:
    """What became of a rung."""
    if "skipped" in entry:
        return f"skipped: {cell(entry['skipped'])}"
    kept = {dtype: len(entry.get(f"kept_{dtype}") or []) for dtype in ("float", "int8")}
    told = "".join(f" ({n} operations stay {dtype})" for dtype, n in kept.items() if n)
    if entry.get("refused"):
        return f"not as good as float32: {cell(entry['refused'])}{told}"
    return ("**shipped**" if entry.get("chosen") else "passed") + told


def drift_section(plan: Plan, report: Mapping[str, Any]) -> str:
    """What was watched and found, and what the round did because of it."""
    known = report.get("drift")
    told = "Nothing was watched." if known is None else "None was found."
    if known and known["found"]:
        told = f"Found: {cell(known['found'])}."
        changed = (known.get("error") or {}).get("changed_ms")
        if changed is not None and changed >= 0:
            told += f" The error is higher from about {moment(changed)} on."
    if plan.reaction is not None:
        begun = {
            "parent": "the round before",
            "champion": f"the champion's round, {plan.reaction.start_round}",
            "scratch": "untrained weights",
        }
        told += (
            f" The round reacted to: {cell(plan.reaction.why)}; it began with the weights of"
            f" {begun[plan.reaction.start]}."
        )
    return f"## Drift\n\n{told}"
