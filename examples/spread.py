"""Curves of several seeds: their mean and spread, as a table and as a figure."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

__all__ = ["Curves", "compared", "draw", "print_rounds"]

Curves = Mapping[str, np.ndarray]
"""float[seeds, rounds] by what was tried."""

# Told apart by people who do not see all colours [Okabe & Ito 2008].
COLOURS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00")


def print_rounds(curves: Curves, rounds: Sequence[object], head: str = "round") -> None:
    """A table of mean ± standard deviation over the seeds, a row a round."""
    table = [[head, *curves]]
    for place, name in enumerate(rounds):
        cells = [curve[:, place] for curve in curves.values()]
        table.append([str(name), *(f"{c.mean():.3f} ± {c.std(ddof=1):.3f}" for c in cells)])
    widths = [max(len(row[at]) for row in table) for at in range(len(table[0]))]
    for row in table:
        print("  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True)))


def compared(curves: Curves, one: str, other: str, rounds: slice) -> str:
    """By how much one is above another in some rounds, seed by seed.

    Both saw the same rows under each seed, so that their differences spread less than they do.
    """
    gaps = (curves[one][:, rounds] - curves[other][:, rounds]).mean(axis=1)
    return (
        f"{one} above {other}: {gaps.mean():+.3f} ± {gaps.std(ddof=1):.3f}"
        f" ({(gaps > 0).sum()} of {len(gaps)} seeds)"
    )


def draw(
    curves: Curves,
    rounds: Sequence[float],
    labels: tuple[str, str],
    path: Path,
    mark: tuple[float, str] | None = None,
) -> None:
    """Write a PNG: a line of means for each, and a band of one standard deviation.

    Args:
        curves: to draw.
        rounds: places on the axis.
        labels: of both axes.
        path: of the file.
        mark: a place on the axis, and what happens there.
    """
    import matplotlib as mpl

    mpl.use("Agg")
    from matplotlib import pyplot as plt

    figure, axes = plt.subplots(figsize=(7.2, 4.0), layout="constrained")
    for (name, curve), colour in zip(curves.items(), COLOURS, strict=False):
        mean, deviation = curve.mean(axis=0), curve.std(axis=0, ddof=1)
        axes.plot(rounds, mean, color=colour, label=name, linewidth=1.8, marker="o", markersize=3)
        axes.fill_between(
            rounds, mean - deviation, mean + deviation, color=colour, alpha=0.18, linewidth=0
        )
    if mark is not None:
        axes.axvline(mark[0], color="0.4", linestyle="--", linewidth=1)
        axes.text(
            mark[0], 1.01, mark[1], transform=axes.get_xaxis_transform(), ha="center", va="bottom"
        )
    axes.set_xlabel(labels[0])
    axes.set_ylabel(f"{labels[1]}, mean ± s.d. of {len(next(iter(curves.values())))} seeds")
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    figure.savefig(path, dpi=140)
    plt.close(figure)
