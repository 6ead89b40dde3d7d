"""Two pictures for the service's run: faded scores with what happened, and scores by slice."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millstream.prequential.curve import LINES, bare
from millstream.rounds.folder import RoundFolder

__all__ = ["Seen", "draw_faded", "draw_slices"]

DRIFT, PROMOTED = "#c22f2f", "#2f8f46"


@dataclass(frozen=True)
class Seen:
    """What the pictures show of one round.

    Attributes:
        round: its number.
        prequential: that part of its report.
        drifted: whether drift was found in it.
        promoted: whether its model became the champion.
    """

    round: int
    prequential: Mapping[str, Any]
    drifted: bool
    promoted: bool

    @classmethod
    def of(cls, folder: RoundFolder) -> Seen:
        """Read a complete round's files."""
        report, published = folder.report(), folder.published() or {}
        return cls(
            folder.number,
            report["prequential"],
            bool(report.get("drift", {}).get("found")),
            bool(published.get("promoted")),
        )


def draw_faded(rounds: Sequence[Seen], metric: str, path: Path) -> Path:
    """Draw the faded metric of all over the rounds as a PNG; returns its path.

    Where drift was found there is a line, and a triangle where a version was promoted.
    """
    figure = make_figure(1)
    axis = figure.axes[0]
    for who, (label, style, color) in LINES.items():
        faded = [(seen.round, seen.prequential.get("faded", {}).get(who, {})) for seen in rounds]
        points = [(number, values[metric]) for number, values in faded if metric in values]
        if points and not (who == "no_change" and metric == "log_loss"):
            axis.plot(*zip(*points, strict=True), style, color=color, label=label)
    for number, seen in enumerate(one for one in rounds if one.drifted):
        name = "drift found" if number == 0 else None
        axis.axvline(seen.round, color=DRIFT, linewidth=0.8, linestyle=":", label=name)
    promoted = [
        (seen.round, seen.prequential["faded"]["learner"][metric])
        for seen in rounds
        if seen.promoted and metric in seen.prequential.get("faded", {}).get("learner", {})
    ]
    if promoted:
        at = zip(*promoted, strict=True)
        axis.plot(*at, linestyle="", marker="^", color=PROMOTED, label="promoted")
    axis.set_title(f"{metric}, faded: rows of now count most", fontsize=10, y=1.0)
    return finished(figure, path)


def draw_slices(rounds: Sequence[Seen], metric: str, path: Path) -> Path | None:
    """Draw the learner's metric by slice over the rounds as a PNG, one panel a feature.

    Returns:
        The path; None if there is nothing to draw.
    """
    curves: dict[str, dict[str, list[tuple[int, float]]]] = {}
    for seen in rounds:
        for name, slices in seen.prequential.get("slices", {}).get("learner", {}).items():
            for value, scores in slices.items():
                if metric in scores:
                    points = curves.setdefault(name, {}).setdefault(value, [])
                    points.append((seen.round, scores[metric]))
    if not curves:
        return None
    figure = make_figure(len(curves))
    for axis, (name, by_value) in zip(figure.axes, curves.items(), strict=True):
        for value, points in sorted(by_value.items()):
            axis.plot(*zip(*points, strict=True), marker="o", markersize=2, label=value)
        axis.set_title(f"{metric} by {name}", fontsize=10, y=1.0)
    return finished(figure, path)


def make_figure(panels: int) -> Any:
    """An empty figure of some panels, one below the other."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 3.6 * panels), dpi=100)
    FigureCanvasAgg(figure)
    figure.subplots(panels, 1)
    figure.subplots_adjust(
        left=0.08, right=0.74, hspace=0.4, bottom=0.15 / panels, top=1 - 0.09 / panels
    )
    return figure


def finished(figure: Any, path: Path) -> Path:
    """Write the figure, with legends beside the panels."""
    for axis in figure.axes:
        bare(axis)
        if axis.lines:
            axis.legend(loc="center left", bbox_to_anchor=(1.01, 0.5), fontsize=8, frameon=False)
    figure.savefig(path, format="png")
    return path
