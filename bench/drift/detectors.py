"""Detectors on streams of errors of which it is known where they rise."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from trainer.drift import Adwin, ErrorDetector, Kswin, PageHinkley

ROWS, CHANGE, GRADUAL = 20_000, 10_000, 5_000
LOW, HIGH = 0.20, 0.35

DETECTORS: dict[str, Callable[[int], ErrorDetector]] = {
    "adwin": lambda seed: ErrorDetector(Adwin(), seed=seed),
    "page_hinkley": lambda seed: ErrorDetector(PageHinkley(), seed=seed),
    "kswin": lambda seed: ErrorDetector(Kswin(), seed=seed),
}


def rates(stream: str) -> np.ndarray:
    """The rate of errors at each row: float64 [20,000]."""
    after = np.arange(ROWS) - CHANGE
    if stream == "none":
        return np.full(ROWS, LOW)
    risen = np.clip(after / GRADUAL, 0.0, 1.0) if stream == "gradual" else (after >= 0) * 1.0
    return LOW + (HIGH - LOW) * risen


def measure(name: str, stream: str, seeds: int) -> tuple[float, float | None, int]:
    """False alarms in 100,000 rows without a change, the median delay in rows, and how many missed.

    The first finding after the change counts; those before it are false.
    """
    false, delays, calm = 0, [], 0
    for seed in range(seeds):
        errors = np.random.default_rng(seed).random(ROWS) < rates(stream)
        found = DETECTORS[name](seed).update(errors.astype(np.float64))
        until = ROWS if stream == "none" else CHANGE
        calm += until
        false += sum(each.row <= until for each in found)
        delays += [each.row - CHANGE for each in found if each.row > until][:1]
    missed = 0 if stream == "none" else seeds - len(delays)
    return 1e5 * false / calm, float(np.median(delays)) if delays else None, missed


def detectors(seeds: int) -> dict[str, float]:
    """Print the table, and return its numbers."""
    print(
        f"\n{seeds} seeds; {ROWS:,} rows, of which a share of {LOW} is wrong; from row {CHANGE:,}"
    )
    print(f"on it is {HIGH}, at once (abrupt) or in the course of {GRADUAL:,} rows (gradual)\n")
    print("| detector | false alarms in 100,000 rows | delay, abrupt | missed | gradual | missed |")
    print("|---|---|---|---|---|---|")
    results: dict[str, float] = {}
    for name in DETECTORS:
        calm, abrupt, gradual = (
            measure(name, each, seeds) for each in ("none", "abrupt", "gradual")
        )
        told = [
            f"{each[1]:,.0f} | {each[2]}" if each[1] else f"- | {each[2]}"
            for each in (abrupt, gradual)
        ]
        false = (
            2 * calm[0] + abrupt[0] + gradual[0]
        ) / 4  # twice as many rows are calm in the first
        print(f"| {name} | {false:.2f} | {told[0]} | {told[1]} |", flush=True)
        results[f"{name}_false_alarms"] = false
        if abrupt[1]:
            results[f"{name}_delay_rows"] = abrupt[1]
    return results
