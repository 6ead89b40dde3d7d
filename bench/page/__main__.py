"""`make bench-page ARGS="--only training --pairs 12 --seconds 10"`."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.page.serving import serving
from bench.page.training import training

__all__ = ["main"]

PARTS: Mapping[str, Callable[[argparse.Namespace], dict[str, float]]] = {
    "serving": lambda asked: serving(asked.viewers, asked.seconds),
    "training": lambda asked: training(asked.data, asked.viewers, asked.pairs, asked.seconds),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for and print what came of it."""
    parser = argparse.ArgumentParser("bench-page", description="What viewers of the page cost.")
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument("--viewers", type=int, default=100, help="that watch at once")
    parser.add_argument("--pairs", type=int, default=12, help="laps without and with viewers")
    parser.add_argument("--seconds", type=float, default=10.0, help="of a lap")
    parser.add_argument("--data", type=Path, default=Path(".bench/data"), help="where topics are")
    asked = parser.parse_args(arguments)
    print(f"{os.cpu_count()} cores")
    results: dict[str, float] = {}
    for name, measure in PARTS.items():
        if asked.only in (None, name):
            results |= measure(asked)
    print()
    shown = {name: round(value, 4) for name, value in results.items()}
    print(json.dumps({"bench": "page", "results": shown}), flush=True)


if __name__ == "__main__":
    main()
