"""`python -m examples.imbalanced`: two tables, a comparison and `imbalanced.png`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from examples.imbalanced.run import ARMS, Setting, scores
from examples.imbalanced.stream import SCHEMA, flights_table, rounds_of
from examples.spread import Curves, compared, draw, print_rounds

__all__ = ["main"]


def main(
    arguments: Sequence[str] | None = None,
    setting: Setting | None = None,
    flights: int | None = None,
) -> Curves:
    """Run all seeds, print and draw; gives average precision by arm."""
    parser = argparse.ArgumentParser("examples.imbalanced", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--figure", type=Path, default=Path(__file__).with_name("imbalanced.png"))
    asked = parser.parse_args(arguments)
    setting = setting or Setting()
    table = flights_table().iloc[:flights]
    stream = list(rounds_of(table, setting.rounds))
    runs = [scores(seed, stream, setting) for seed in range(asked.seeds)]
    precision = {name: np.stack([run[name][0] for run in runs]) for name in ARMS}
    loss = {name: np.stack([run[name][1] for run in runs]) for name in ARMS}
    numbers = range(2, setting.rounds + 1)
    print(
        f"{len(table):,} flights, {table.very_late.mean():.2%} of them very late;"
        f" {setting.sampled:,} rows of each round of {len(stream[0]):,} are learned\n"
    )
    print(f"average precision on a round before it is learned, {asked.seeds} seeds\n")
    shares = [f"{n} ({rows.labels(SCHEMA).mean():.1%})" for n, rows in enumerate(stream, 1)][1:]
    print_rounds(precision, shares, "round (very late)")
    print(f"\nits log loss, {asked.seeds} seeds\n")
    print_rounds(loss, shares, "round (very late)")
    print("\nmeans over the rounds:")
    for name in ARMS:
        means = precision[name].mean(), loss[name].mean()
        print(f"  {name}: average precision {means[0]:.3f}, log loss {means[1]:.3f}")
    for name in list(ARMS)[1:]:
        print("  average precision, " + compared(precision, name, "uniform", slice(None)))
    draw(precision, numbers, ("round", "average precision"), asked.figure)
    return precision


if __name__ == "__main__":
    main()
