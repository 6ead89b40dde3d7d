"""Tests of features: how often they find a shift, and how often one that is not there."""

from __future__ import annotations

import numpy as np

from trainer.drift import ByFeature, FeatureSample, FeatureTest, Mmd

ROWS = 500
TESTS: dict[str, FeatureTest] = {"ks": ByFeature(), "mmd": Mmd()}
SHIFTS = (
    "none",
    "mean of one by 0.5 sd",
    "share of one category by 0.15",
    "correlation of two, 0.7",
)


def draw(random: np.random.Generator, shift: str) -> FeatureSample:
    """500 rows of four numbers and two categories."""
    x = random.normal(size=(ROWS, 4))
    share = np.array([0.5, 0.3, 0.2])
    if shift == SHIFTS[1]:
        x[:, 0] += 0.5
    elif shift == SHIFTS[2]:
        share += np.array([-0.15, 0.15, 0.0])
    elif shift == SHIFTS[3]:
        x[:, 1] = 0.7 * x[:, 0] + np.sqrt(1 - 0.49) * x[:, 1]
    return FeatureSample(
        {f"x{place}": column for place, column in enumerate(x.T)},
        {
            "a": random.choice(3, ROWS, p=share).astype(np.int64),
            "b": random.integers(0, 5, ROWS),
        },
    )


def features(pairs: int) -> dict[str, float]:
    """Print the table, and return its numbers."""
    print(f"\n{pairs} pairs of samples of {ROWS} rows, with the tests' own settings\n")
    print(f"| shift | {' | '.join(f'{name} finds' for name in TESTS)} |")
    print("|---|" + "---|" * len(TESTS))
    results: dict[str, float] = {}
    for place, shift in enumerate(SHIFTS):
        random, found = np.random.default_rng(place), dict.fromkeys(TESTS, 0)
        for _ in range(pairs):
            one, other = draw(random, "none"), draw(random, shift)
            for name, test in TESTS.items():
                found[name] += any(each.shifted for each in test.compare(one, other))
        print(f"| {shift} | {' | '.join(f'{100 * n / pairs:.1f} %' for n in found.values())} |")
        if shift == "none":
            results = {f"{name}_false_alarms": n / pairs for name, n in found.items()}
    return results
