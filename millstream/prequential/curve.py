"""The prequential curve: how well the model did, round by round, on records it had not seen."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from millstream.rounds.store import RoundStore
from millstream.rounds.unreadable import read_all

__all__ = ["LINES", "bare", "draw_curve"]

SHOWN = 500
TICKS = 5
LINES = {
    "learner": ("learner, before it trained on them", "-", "#1f5fd0"),
    "champion": ("champion (exported bytes)", "-", "#d9730d"),
    "river": ("river's model", "-", "#6b4fa1"),
    "majority_class": ("majority class", ":", "#777777"),
    "mean": ("mean of all labels before", ":", "#777777"),
    "no_change": ("no change (last label again)", "--", "#777777"),
}


def draw_curve(store: RoundStore, path: Path) -> Path:
    """Draw one panel per metric over the last 500 rounds, as a PNG; returns its path.

    A round that cannot be read is left out: `millstream status` names it.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rounds = [folder for folder in store.complete()[-SHOWN:] if folder.number > 0]
    reports = list(read_all(rounds, lambda folder: (folder.number, folder.report()["prequential"])))
    metrics = sorted({m for _, p in reports for m in p.get("learner", {})}) or ["score"]
    width = 4.6 * len(metrics)
    figure = Figure(figsize=(width, 3.6), dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(metrics), squeeze=False)[0]
    # A layout of Matplotlib's, and titles that it places, would draw all of it twice.
    figure.subplots_adjust(
        left=0.5 / width, right=1 - 0.1 / width, wspace=0.17, bottom=0.25, top=0.83
    )
    for axis, metric in zip(axes, metrics, strict=True):
        _panel(axis, metric, reports)
    figure.suptitle("Prequential scores: each round's holdout, before the round trains")
    figure.legend(*axes[0].get_legend_handles_labels(), loc="lower center", ncols=4, frameon=False)
    figure.savefig(path, format="png")
    return path


def _panel(axis: Any, metric: str, reports: list[tuple[int, dict[str, Any]]]) -> None:
    for who, (label, style, color) in LINES.items():
        if who == "no_change" and metric == "log_loss":
            continue  # a certain prediction that is wrong costs without bound
        points = [(n, p[who][metric]) for n, p in reports if metric in p.get(who, {})]
        if points:
            x, y = zip(*points, strict=True)
            axis.plot(x, y, style, color=color, label=label, marker="o", markersize=3)
    axis.set_title(metric, fontsize=10, y=1.0)
    bare(axis)


def bare(axis: Any) -> None:
    """Rounds along the axis, a faint grid, and no box around it.

    Ticks are few: a picture's time goes into them.
    """
    axis.set_xlabel("round")
    axis.grid(alpha=0.25)
    axis.xaxis.get_major_locator().set_params(integer=True, nbins=TICKS)
    axis.yaxis.get_major_locator().set_params(nbins=TICKS)
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)
