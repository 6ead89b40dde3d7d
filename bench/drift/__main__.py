"""`make bench-drift ARGS="--seeds 20 --only detectors"`."""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence

from bench.drift.detectors import detectors
from bench.drift.features import features

__all__ = ["main"]

PARTS = ("detectors", "features", "reactions")


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure what is asked for and print what came of it."""
    parser = argparse.ArgumentParser("bench-drift", description="Detectors, tests and reactions.")
    parser.add_argument("--seeds", type=int, default=20, help="streams of each kind")
    parser.add_argument("--pairs", type=int, default=200, help="pairs of samples of each kind")
    parser.add_argument("--only", choices=PARTS, help="one part")
    asked = parser.parse_args(arguments)
    results: dict[str, float] = {}
    if asked.only in (None, "detectors"):
        results |= detectors(asked.seeds)
    if asked.only in (None, "features"):
        results |= features(asked.pairs)
    if asked.only in (None, "reactions"):
        from bench.drift.reaction_table import reactions

        results |= reactions(min(asked.seeds, 5))
    print()
    shown = {name: round(value, 3) for name, value in results.items()}
    print(json.dumps({"bench": "drift", "results": shown}), flush=True)


if __name__ == "__main__":
    main()
