"""A picture of the rungs of a version: score over size and over latency."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["draw_pareto", "pareto_front"]

CHOSEN, PASSED, REFUSED, FRONT = "#1f5fd0", "#2f8f46", "#c22f2f", "#bbbbbb"
NEAR = 0.06  # of an axis
COLORS = {"chosen": CHOSEN, "passed": PASSED, "refused": REFUSED}


def draw_pareto(
    rungs: Sequence[dict[str, Any]], metric: str, path: Path, *, higher_is_better: bool
) -> Path:
    """Draw the rungs as a PNG: one panel over the stored bytes, one over latency if it is known.

    The line joins those that no other rung beats in both. What was refused is a cross.

    Args:
        rungs: entries of `millstream.rungs.report.tell_rungs`.
        metric: whose score is drawn.
        path: of the picture.
        higher_is_better: of the metric.

    Returns:
        The path.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    scored = [rung for rung in rungs if metric in rung.get("scores", {})]
    panels = [("packed size, kB", {r["rung"]: r["gzip_bytes"] / 1000 for r in scored})]
    timed = {r["rung"]: r["latency_ms"]["1"] * 1000 for r in scored if "1" in r["latency_ms"]}
    if timed:
        panels.append(("time of one row, µs", timed))
    figure = Figure(figsize=(4.8 * len(panels), 3.9), dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.subplots(1, len(panels), squeeze=False, sharey=True)[0]
    for axis, (label, costs) in zip(axes, panels, strict=True):
        draw_panel(axis, scored, costs, metric, higher_is_better)
        axis.set_xlabel(label)
    axes[0].set_ylabel(metric)
    if not higher_is_better:
        axes[0].invert_yaxis()
    draw_legend(figure)
    figure.subplots_adjust(left=0.09, right=0.985, wspace=0.08, bottom=0.15, top=0.88)
    figure.savefig(path, format="png")
    return path


def draw_panel(
    axis: Any,
    scored: Sequence[dict[str, Any]],
    costs: dict[str, float],
    metric: str,
    higher_is_better: bool,
) -> None:
    """One point a rung, with its name."""
    points = [(costs[r["rung"]], r["scores"][metric], r) for r in scored if r["rung"] in costs]
    sign = 1 if higher_is_better else -1
    front = pareto_front([(cost, sign * score) for cost, score, _ in points])
    line = sorted((points[i][0], points[i][1]) for i in front)
    if line:
        axis.plot(*zip(*line, strict=True), color=FRONT, linewidth=1, zorder=1)
    for cost, score, rung in points:
        kind = kind_of(rung)
        axis.scatter(cost, score, color=COLORS[kind], marker=marker_of(kind), zorder=2, s=36)
    axis.set_xlim(0, 1.15 * max((cost for cost, _, _ in points), default=1.0))
    axis.margins(y=0.15)
    axis.locator_params(nbins=6)
    for cost, score, name in labels(points):
        axis.annotate(name, (cost, score), textcoords="offset points", xytext=(4, 6), fontsize=7)
    axis.grid(visible=True, which="major", color="#eeeeee")
    for side in ("top", "right"):
        axis.spines[side].set_visible(False)


def labels(points: Sequence[tuple[float, float, dict[str, Any]]]) -> list[tuple[float, float, str]]:
    """Where names stand; those of points that nearly fall together stand in one column."""
    width = max((cost for cost, _, _ in points), default=1.0)
    scores = [score for _, score, _ in points]
    height = (max(scores, default=0.0) - min(scores, default=0.0)) or 1.0
    found: list[tuple[float, float, str]] = []
    for cost, score, rung in sorted(points, key=lambda point: point[0]):
        for i, (x, y, names) in enumerate(found):
            if cost - x < NEAR * width and abs(score - y) < NEAR * height:
                found[i] = (x, y, f"{names}\n{rung['rung']}")
                break
        else:
            found.append((cost, score, rung["rung"]))
    return found


def kind_of(rung: dict[str, Any]) -> str:
    """What became of a rung."""
    if rung["chosen"]:
        return "chosen"
    return "refused" if rung.get("refused") else "passed"


def marker_of(kind: str) -> str:
    """The sign of what became of a rung."""
    return {"chosen": "D", "passed": "o", "refused": "x"}[kind]


def draw_legend(figure: Any) -> None:
    """What the signs say."""
    from matplotlib.lines import Line2D

    signs = [
        Line2D([], [], color=color, marker=marker_of(kind), linestyle="", label=kind)
        for kind, color in COLORS.items()
    ]
    figure.legend(handles=signs, loc="upper center", ncols=3, frameon=False, fontsize=8)


def pareto_front(points: Sequence[tuple[float, float]]) -> list[int]:
    """Places of the points (cost, score) that no other beats: cheaper and no worse, or better."""
    return [
        i
        for i, (cost, score) in enumerate(points)
        if not any(
            (c <= cost and s >= score) and (c < cost or s > score)
            for j, (c, s) in enumerate(points)
            if j != i
        )
    ]
