"""`make bench-augment ARGS="--repeats 3 --only images"`."""

from __future__ import annotations

import argparse
import json
import os
from collections.abc import Mapping, Sequence

from bench.augment.kinds import ALL, kinds
from bench.augment.rates import BATCH, rates
from bench.augment.waiting import waiting

__all__ = ["main"]

PARTS = ("images", "tables", "kinds", "waiting")
TITLES = {
    "images": "Images of 32 x 32 x 3: flip, shift, rotate, zoom, brightness, contrast",
    "tables": "Rows of 20 numbers and a category: noise and dropout; and swap and MixUp beside",
}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for and print what came of it."""
    parser = argparse.ArgumentParser("bench-augment", description="Augmentation beside Keras's.")
    parser.add_argument("--images", type=int, default=20_480, help="of an epoch")
    parser.add_argument("--rows", type=int, default=204_800, help="of an epoch of tables")
    parser.add_argument("--repeats", type=int, default=5, help="timed laps of each contestant")
    parser.add_argument("--only", choices=PARTS, help="one part")
    asked = parser.parse_args(arguments)
    print(
        f"{os.cpu_count()} cores; batches of {BATCH}; contestants take turns, a lap is an epoch;"
        f" the median of {asked.repeats} laps"
    )
    results: dict[str, float] = {}
    if asked.only in (None, "images"):
        found = rates("images", asked.images, asked.repeats)
        print_rates("images", found)
        results["augment_rows_per_s"] = found["steps"]
        results["plain_rows_per_s"] = found["without steps"]
        results["augment_vs_keras_layers"] = found["steps"] / found["Keras's layers"]
    if asked.only in (None, "tables"):
        found = rates("tables", asked.rows, asked.repeats)
        print_rates("tables", found)
        results["table_rows_per_s"] = found["steps"]
        results["table_plain_rows_per_s"] = found["without steps"]
        results["table_vs_keras_layers"] = found["steps"] / found["Keras's layers"]
    if asked.only in (None, "kinds"):
        costs = kinds(asked.images, asked.repeats)
        print_costs(costs)
        results["augment_cpu_vs_keras_layers"] = costs[ALL][1] / costs[ALL][0]
    if asked.only in (None, "waiting"):
        results |= print_waiting(waiting(asked.images, asked.repeats))
    print()
    shown = {n: round(v) if v >= 1000 else round(v, 4) for n, v in results.items()}
    print(json.dumps({"bench": "augment", "results": shown}), flush=True)


def print_rates(part: str, found: dict[str, float]) -> None:
    """A line each; the ratio is to Keras's layers."""
    print(f"\n{TITLES[part]} (rows/s; in brackets: times Keras's layers)\n")
    for name, rate in found.items():
        print(f"| {name:<14} | {rate:>11,.0f} | ({rate / found[KERAS]:.1f}) |")


def print_costs(costs: Mapping[str, tuple[float, float]]) -> None:
    """A line each."""
    print("\nProcessor time of an image, in microseconds (in brackets: times ours)\n")
    for name, (ours, theirs) in costs.items():
        print(f"| {name:<14} | ours {ours:>6.1f} | Keras {theirs:>6.1f} ({theirs / ours:.1f}) |")


def print_waiting(found: dict[str, float]) -> dict[str, float]:
    """In words."""
    print("\nA small CNN that trains on the images\n")
    print(f"waits for its batch {found['input_wait_share']:.2%} of a step")
    print(f"a step from memory is {found['input_cost_share']:.1%} shorter")
    return found


KERAS = "Keras's layers"

if __name__ == "__main__":
    main()
