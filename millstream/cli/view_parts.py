"""Parts of the live view: partitions, what is in the way, how old records are, dead letters."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from rich.table import Table
from rich.text import Text

from millstream.watch.board import LiveState
from millstream.watch.flow import OLD_S, PartitionState
from millstream.watch.summary import DamagedRound

__all__ = ["damaged_facts", "extra_facts", "partitions_table"]

MOST_PARTITIONS = 16
MOST_DAMAGED = 3


def extra_facts(state: LiveState) -> Iterator[tuple[str, Text]]:
    """Names and values of what a service tells only after some rounds."""
    if state.dead_letters:
        kinds = sorted(state.dead_letters.items(), key=lambda kind: -kind[1])
        told = " · ".join(f"{name} {count:,}" for name, count in kinds)
        yield "dead letters", Text(told)
    if sentence := state.verdict.get("sentence"):
        yield "in the way", Text(f"round {state.verdict.get('round')} was {sentence}")
    if "p50_s" in state.event_to_model:
        latency = state.event_to_model
        told = (
            f"{seconds(latency['p50_s'])} median · {seconds(latency['p95_s'])} 95th percentile,"
            f" from record to version {latency.get('version')}"
        )
        yield "latency", Text(told + (f" · {latency['note']}" if latency.get("note") else ""))


def damaged_facts(damaged: Sequence[DamagedRound]) -> Iterator[tuple[str, Text]]:
    """Rounds that cannot be read, with the remedy; of many the newest."""
    for item in damaged[-MOST_DAMAGED:]:
        yield "damaged", Text(f"round {item.number}: {item.error}", style="red")
    if len(damaged) > MOST_DAMAGED:
        yield "", Text(f"and {len(damaged) - MOST_DAMAGED} before them", style="red")


def partitions_table(partitions: Mapping[str, PartitionState]) -> Table | None:
    """The partitions, of many those with the largest lag; None if there are none."""
    if not partitions:
        return None
    table = Table(header_style="bold", pad_edge=False, box=None)
    table.add_column("partition", no_wrap=True)
    has_old = any(part.age_s >= OLD_S for part in partitions.values())
    for name in ("position", "end", "lag", "records/s", *(["told"] if has_old else [])):
        table.add_column(name, justify="right", no_wrap=True)
    shown = sorted(partitions.items(), key=lambda part: part[0])
    if len(shown) > MOST_PARTITIONS:
        shown = sorted(shown, key=lambda part: -(part[1].lag or 0))[:MOST_PARTITIONS]
        table.caption = f"{MOST_PARTITIONS} of {len(partitions)}, the farthest behind"
    for name, part in shown:
        table.add_row(
            Text(name),
            f"{part.position:,}",
            "-" if part.end is None else f"{part.end:,}",
            "-" if part.lag is None else f"{part.lag:,}",
            f"{part.records_per_s:,.0f}",
            *([f"{seconds(part.age_s)} ago" if part.age_s >= OLD_S else ""] if has_old else []),
        )
    return table


def seconds(value: float) -> str:
    """A span of time, as people say it."""
    if value < 100:
        return f"{value:.1f} s"
    if value < 100 * 60:
        return f"{value / 60:.1f} min"
    return f"{value / 3600:,.1f} h"
