"""`python -m examples.forgetting`: a table, a comparison and `forgetting.png`."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from examples.forgetting.run import ARMS, Setting, accuracies
from examples.forgetting.stream import digits_by_class
from examples.spread import Curves, compared, draw, print_rounds

__all__ = ["main"]


def main(
    arguments: Sequence[str] | None = None, setting: Setting | None = None, per_class: int = 500
) -> Curves:
    """Run all seeds, print and draw."""
    parser = argparse.ArgumentParser("examples.forgetting", description=__doc__)
    parser.add_argument("--seeds", type=int, default=4)
    parser.add_argument("--figure", type=Path, default=Path(__file__).with_name("forgetting.png"))
    asked = parser.parse_args(arguments)
    setting = setting or Setting()
    runs = [
        accuracies(seed, digits_by_class(seed, per_class), setting) for seed in range(asked.seeds)
    ]
    curves = {name: np.stack([run[name] for run in runs]) for name in ARMS}
    numbers = range(1, setting.classes + 1)
    print(f"accuracy over the classes so far, mean ± s.d. of {asked.seeds} seeds\n")
    print_rounds(curves, numbers, "classes")
    print("\nafter the last class:")
    last = slice(-1, None)
    for one, other in (
        ("augmentation", "none"),
        ("history", "none"),
        ("history + augmentation", "none"),
        ("history + augmentation", "history"),
    ):
        print("  " + compared(curves, one, other, last))
    draw(curves, numbers, ("classes that have come", "accuracy over all of them"), asked.figure)
    return curves


if __name__ == "__main__":
    main()
