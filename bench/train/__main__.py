"""`make bench-train ARGS="--repeats 3 --only fed_vs_memory"`."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from bench.train.feeding import feeding
from bench.train.lateness import lateness
from bench.train.overhead import overhead
from bench.train.reading import reading

__all__ = ["main"]

PARTS: Mapping[str, Callable[[argparse.Namespace], dict[str, float]]] = {
    "fed_vs_memory": lambda asked: feeding(asked.repeats),
    "workers2_vs_1_input_bound": lambda asked: reading(asked.data, asked.read, asked.pairs),
    "round_overhead_s": lambda asked: overhead(asked.data, asked.records, asked.rounds),
    "event_to_version_s": lambda asked: lateness(asked.data, asked.seconds, asked.streams),
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for and print what came of it."""
    parser = argparse.ArgumentParser("bench-train", description="Feeding, workers, rounds.")
    parser.add_argument("--only", choices=PARTS, help="one part")
    parser.add_argument("--repeats", type=int, default=7, help="pairs of laps of feeding")
    parser.add_argument("--pairs", type=int, default=5, help="runs with one worker, and with two")
    parser.add_argument("--read", type=int, default=8_000_000, help="records that workers read")
    parser.add_argument("--records", type=int, default=2_000_000, help="of the topic of rounds")
    parser.add_argument("--rounds", type=int, default=12, help="whose parts are timed")
    parser.add_argument("--seconds", type=float, default=40.0, help="that the stream lasts")
    parser.add_argument("--streams", type=int, default=3, help="each with a service of its own")
    parser.add_argument("--data", type=Path, default=Path(".bench/data"), help="where topics are")
    asked = parser.parse_args(arguments)
    print(f"{os.cpu_count()} cores")
    results: dict[str, float] = {}
    for name, measure in PARTS.items():
        if asked.only in (None, name):
            results |= measure(asked)
    print()
    shown = {n: round(v) if v >= 1000 else round(v, 4) for n, v in results.items()}
    print(json.dumps({"bench": "train", "results": shown}), flush=True)


if __name__ == "__main__":
    main()
