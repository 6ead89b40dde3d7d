"""`make bench-sampling ARGS="--repeats 3 --only offering"`."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Sequence
from pathlib import Path

from bench.sampling.keeping import keeping
from bench.sampling.offering import offering
from bench.sampling.stream import CAPACITY, COLUMN, FILLED

__all__ = ["main"]

PARTS = ("offering", "keeping")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for and print what came of it."""
    parser = argparse.ArgumentParser("bench-sampling", description="Samples, and keeping them.")
    parser.add_argument("--repeats", type=int, default=9, help="timed laps of each contestant")
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument("--data", type=Path, default=Path(".bench"), help="where histories are")
    asked = parser.parse_args(arguments)
    print(
        f"{os.cpu_count()} cores, one of them used; a sample of {CAPACITY:,} that was offered"
        f" {FILLED:,} records is offered {COLUMN:,} more; the median of {asked.repeats} laps"
        " by the clock of the thread; the history's seconds are those of the wall"
    )
    results: dict[str, float] = {}
    if asked.only in (None, "offering"):
        results |= offering(asked.repeats)
    if asked.only in (None, "keeping"):
        asked.data.mkdir(parents=True, exist_ok=True)
        results |= keeping(asked.data)
    print()
    shown = {n: round(v) if v >= 1000 else round(v, 3) for n, v in results.items()}
    print(json.dumps({"bench": "sampling", "results": shown}), flush=True)


if __name__ == "__main__":
    main()
