"""A preview as a picture: each row a record, on the left as it came."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

import ingest
from millstream.preview.look import Look
from millstream.preview.preview import Preview

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["draw_preview"]

SIDE, WIDE = 1.7, 2.8
"""Inches of an image, and of the time of a sound or a series."""
BINS = 256
SOFTEST = 80.0
"""Decibels below the loudest sound of a record, that are drawn."""


def draw_preview(preview: Preview, look: Look, path: Path) -> Path:
    """Draw a PNG; returns its path."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    versions = (preview.original, *preview.augmented)
    width = SIDE if look.kind == "image" else WIDE
    rows, columns = len(preview.original), len(versions)
    size = (width * columns, SIDE * rows + 0.5)
    figure = Figure(figsize=size, layout="constrained", dpi=110)
    FigureCanvasAgg(figure)
    axes = figure.subplots(rows, columns, squeeze=False)
    values = [_values(version, look) for version in versions]
    labels = [_labels(version, preview.schema) for version in versions]
    for row in range(rows):
        for column in range(columns):
            axis = axes[row][column]
            _draw(axis, look, values[column][row], values[0][row])
            head = ("as it came", *(f"augmented {n}" for n in range(1, columns)))[column]
            axis.set_title(f"{head}\n{labels[column][row]}" if row == 0 else labels[column][row])
            axis.title.set_fontsize(8)
    figure.suptitle(f"{look.feature}, with {preview.schema.label.name} above each", fontsize=9)
    figure.savefig(path, format="png")
    return path


def _values(rows: ingest.Rows, look: Look) -> NDArray[Any]:
    """[n, ...]: the feature's values, in the form in which they are drawn."""
    flat = np.asarray(rows.columns[look.feature])
    if look.kind != "wave":
        return flat.reshape(len(flat), *look.shape)
    window = min(BINS, flat.shape[1])
    strengths = ingest.spectrogram(flat, window=window, stride=max(1, window // 4), power=True)
    return 10 * np.log10(np.asarray(strengths) + 1e-12)


def _labels(rows: ingest.Rows, schema: ingest.Schema) -> list[str]:
    label = schema.label
    values = np.asarray(rows.columns[label.name]).tolist()
    if label.dtype == "category":
        return [label.vocabulary[code] for code in values]
    return [f"{value:.3g}" if isinstance(value, float) else str(value) for value in values]


def _draw(axis: Any, look: Look, values: NDArray[Any], original: NDArray[Any]) -> None:
    """One record; its scale is that of the record as it came, so that changes are seen."""
    low, high = float(original.min()), float(original.max())
    if look.kind == "series":
        axis.plot(values.reshape(len(values), -1), linewidth=0.9)
        margin = 0.25 * (high - low) or 1.0
        axis.set_ylim(low - margin, high + margin)
        axis.tick_params(labelsize=6)
        return
    axis.set_axis_off()
    if look.kind == "image":
        _draw_image(axis, values, low, high)
        return
    low = max(low, high - SOFTEST) if look.kind == "wave" else low
    axis.imshow(
        values.T,
        origin="lower",
        aspect="auto",
        vmin=low,
        vmax=max(high, low + 1e-9),
        cmap="magma",
        interpolation="nearest",
    )


def _draw_image(axis: Any, values: NDArray[Any], low: float, high: float) -> None:
    black, white = (
        (0.0, 1.0) if low >= 0 and high <= 1 else (0.0, 255.0) if low >= 0 else (low, high)
    )
    image = np.clip((values.astype(np.float64) - black) / (max(white, high) - black), 0, 1)
    if image.ndim == 3 and image.shape[-1] == 1:
        image = image[..., 0]
    if image.ndim == 3 and image.shape[-1] != 3:
        image = image.mean(-1)
    axis.imshow(image, vmin=0, vmax=1, cmap="gray", interpolation="nearest")
