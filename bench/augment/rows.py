"""Rows to be augmented, the steps, and Keras's layers that do the same."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest import Field, Rows, Schema, Step, make_augmentation

if TYPE_CHECKING:
    import keras

__all__ = ["IMAGES", "SIDES", "TABLES", "image_layers", "make_images", "make_tables", "steps"]

SIDES = (32, 32, 3)
COLUMNS = 20
IMAGES = Schema(
    (
        Field("image", "float32", length=int(np.prod(SIDES))),
        Field("class", "category", "label", vocabulary=tuple("0123456789")),
    )
)
TABLES = Schema(
    (
        Field("numbers", "float32", length=COLUMNS),
        Field("shop", "category", buckets=100),
        Field("late", "bool", "label"),
    )
)
SAME: Sequence[Mapping[str, Any]] = (
    {"kind": "flip", "probability": 0.5},
    {"kind": "shift", "height": 0.1, "width": 0.1},
    {"kind": "rotate", "degrees": 15},
    {"kind": "zoom", "scale": [0.9, 1.1]},
    {"kind": "brightness", "factor": 0.2},
    {"kind": "contrast", "factor": 0.3},
)
"""What Keras has a layer for, with the same strengths."""
STEPS: Mapping[str, Sequence[Mapping[str, Any]]] = {
    "images": [{**step, "feature": "image", "shape": SIDES} for step in SAME],
    "tables": [
        {"kind": "gaussian_noise", "features": ["numbers"], "scale": 0.1},
        {"kind": "feature_dropout", "features": ["numbers"], "rate": 0.1},
    ],
    "all": [
        {"kind": "gaussian_noise", "features": ["numbers"], "scale": 0.1},
        {"kind": "feature_dropout", "rate": 0.1},
        {"kind": "category_swap", "rate": 0.1},
        {"kind": "mixup", "features": ["numbers"], "probability": 0.5},
    ],
}


def steps(name: str) -> tuple[Step, ...]:
    """The steps of a contest, as a configuration makes them."""
    made = []
    for step in STEPS[name]:
        parameters = {
            key: value for key, value in step.items() if key not in ("kind", "probability")
        }
        augmentation = make_augmentation(step["kind"], parameters)
        made.append(Step(augmentation, step.get("probability", 1.0)))
    return tuple(made)


def make_images(count: int) -> Rows:
    """Images of noise, float32 from 0 to 1."""
    random = np.random.default_rng(1)
    pixels = random.random((count, int(np.prod(SIDES))), np.float32)
    return _rows({"image": pixels, "class": random.integers(0, 10, count).astype(np.int32)})


def make_tables(count: int) -> Rows:
    """Numbers and a category."""
    random = np.random.default_rng(1)
    columns = {
        "numbers": random.normal(size=(count, COLUMNS)).astype(np.float32),
        "shop": random.integers(1, 101, count).astype(np.int32),
        "late": random.random(count) < 0.3,
    }
    return _rows(columns)


def image_layers() -> keras.Sequential:
    """Keras's layers for the steps on images."""
    from keras import Sequential, layers

    return Sequential(
        [
            layers.Reshape(SIDES),
            layers.RandomFlip("horizontal"),
            layers.RandomTranslation(0.1, 0.1, fill_mode="reflect"),
            layers.RandomRotation(15 / 360, fill_mode="reflect"),
            layers.RandomZoom((-0.1, 0.1), fill_mode="reflect"),
            layers.RandomBrightness(0.2, value_range=(0, 1)),
            layers.RandomContrast(0.3, value_range=(0, 1)),
            layers.Flatten(),
        ]
    )


def _rows(columns: dict[str, Any]) -> Rows:
    count = len(next(iter(columns.values())))
    zeros, offsets = np.zeros(count, np.int32), np.arange(count)
    return Rows(("bench",), zeros, zeros, offsets, offsets, columns)
