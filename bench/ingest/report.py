"""Prints what was measured: a table per part for people, one line of JSON for machines."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence

from bench.ingest.contest import Contestant, Outcome
from bench.ingest.parts import Part, Table

__all__ = ["print_memory", "print_results", "print_table"]


def print_table(part: Part, table: Table, skipped: Mapping[str, str]) -> None:
    """Rates in records/s, and how many times ours is as fast as each of the others."""
    names = [item.name for item in part.contestants if item.name not in skipped]
    print(f"\n{part.title} (records/s, median; in brackets: ours is so many times as fast)\n")
    rows = [["topic", *names]]
    for topic, outcomes in table.items():
        ours = outcomes[names[0]].rate
        rows.append([topic.title, *(_cell(outcomes[name], ours) for name in names)])
        rows[-1][1] = _number(ours)
    _print_columns(rows)
    _print_notes(part.contestants, table, skipped)


def print_memory(outcome: Outcome) -> None:
    """Resident memory along the way, if the contestant has noted it."""
    notes = outcome.facts.get("rss")
    if notes:
        print("\nResident memory while the last lap ran\n")
        _print_columns([["records", "MB"], *([f"{n:,}", f"{mb:,.0f}"] for n, mb in notes)])
        print(f"\nrows in the window: {outcome.facts['rows']:,}")
        print(f"records decoded: {outcome.facts['decoded']:,}")


def print_results(results: Mapping[str, float | None]) -> None:
    """The last line."""
    shown = {name: _rounded(value) for name, value in results.items()}
    print()
    print(json.dumps({"bench": "ingest", "results": shown}), flush=True)


def _print_columns(rows: Sequence[Sequence[str]]) -> None:
    widths = [max(len(row[place]) for row in rows) for place in range(len(rows[0]))]
    for number, row in enumerate(rows):
        cells = [row[0].ljust(widths[0])]
        cells += [cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True)]
        print("| " + " | ".join(cells) + " |")
        if number == 0:
            bars = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
            print("| " + " | ".join(bars) + " |")


def _print_notes(
    contestants: Sequence[Contestant], table: Table, skipped: Mapping[str, str]
) -> None:
    print()
    for name, reason in skipped.items():
        print(f"{name}: skipped, {reason}")
    for item in contestants:
        if item.most and item.name not in skipped:
            print(f"{item.name}: read up to {item.most:,} records")
    for topic, outcomes in table.items():
        for name, outcome in outcomes.items():
            if outcome.failure:
                last = outcome.failure.strip().splitlines()[-1][:200]
                print(f"{name}: cannot read {topic.title}: {last}")


def _cell(outcome: Outcome, ours: float | None) -> str:
    rate = outcome.rate
    if rate is None or ours is None:
        return "failed" if outcome.failure else _number(rate)
    return f"{_number(rate)} ({ours / rate:.1f})"


def _number(rate: float | None) -> str:
    return "-" if rate is None else f"{rate:,.0f}"


def _rounded(value: float | None) -> float | None:
    if value is None:
        return None
    return round(value) if value >= 1000 else round(value, 3)
