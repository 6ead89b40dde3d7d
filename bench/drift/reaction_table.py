"""The table of reactions."""

from __future__ import annotations

import numpy as np

from bench.drift.reactions import REACTIONS

__all__ = ["reactions"]


def reactions(seeds: int) -> dict[str, float]:
    """Print the table, and return by how much each reaction lowered the error."""
    print(f"\n{seeds} seeds; the error on new rows after the round: mean (standard deviation)\n")
    print("| reaction | the drift | without | with it |")
    print("|---|---|---|---|")
    results: dict[str, float] = {}
    for name, run in REACTIONS.items():
        found = [run(seed) for seed in range(seeds)]
        without, reacting = (
            [getattr(each, way) for each in found] for way in ("without", "reacting")
        )
        told = [f"{np.mean(part):.3f} ({np.std(part):.3f})" for part in (without, reacting)]
        what = (run.__doc__ or "").strip().rstrip(".")
        print(f"| {name} | {what} | {told[0]} | {told[1]} |", flush=True)
        results[f"{name} gains"] = float(np.mean(without) - np.mean(reacting))
    return results
