"""`python -m examples.drift`: a table, a comparison and `drift.png`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from examples.drift.run import ARMS, Setting, accuracies
from examples.spread import Curves, compared, draw, print_rounds

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None, setting: Setting | None = None) -> Curves:
    """Run all seeds, print and draw."""
    parser = argparse.ArgumentParser("examples.drift", description=__doc__)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--figure", type=Path, default=Path(__file__).with_name("drift.png"))
    asked = parser.parse_args(arguments)
    setting = setting or Setting()
    runs = [accuracies(seed, setting) for seed in range(asked.seeds)]
    curves = {name: np.stack([run[name] for run in runs]) for name in ARMS}
    numbers = range(1, setting.rounds + 1)
    print(f"accuracy on a round before it is learned, mean ± s.d. of {asked.seeds} seeds\n")
    print_rounds(curves, numbers)
    at = setting.drift_at
    print("\nin the five rounds before the rule changes:")
    for other in ("no history", "uniform history"):
        print("  " + compared(curves, "recent history", other, slice(at - 5, at)))
    print("in the rounds after the first under the new rule:")
    for other in ("no history", "uniform history"):
        print("  " + compared(curves, "recent history", other, slice(at + 1, None)))
    mark = (at + 1, "the rule changes")
    draw(curves, numbers, ("round", "accuracy, test then train"), asked.figure, mark)
    return curves


if __name__ == "__main__":
    main()
