"""What the ways to shard a Keras model are tried with: a layer, some rows, and how it is told."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import keras
import numpy as np

__all__ = ["DEVICES", "LABELS", "ROWS", "WIDE", "fitted", "make_model", "tried"]

DEVICES = 4
WIDE = 8
LONGEST = 300
ROWS = np.ones((8, 4), np.float32)
LABELS = np.ones((8, WIDE), np.float32)


def tried(title: str, attempt: Callable[[], object]) -> None:
    """Print what an attempt gives, or how it fails."""
    try:
        found = f"works: {attempt()}"
    except Exception as error:  # noqa: BLE001 - whatever it is, it is what is told
        found = f"fails: {type(error).__name__}: {shortened(str(error))}"
    print(f"  {title}\n      {found}", flush=True)


def shortened(text: str) -> str:
    """One line without colours, with what stands at the end if it is long."""
    line = " ".join(re.sub(r"\x1b\[\d*m", "", text).split())
    return line if len(line) <= LONGEST else f"{line[: LONGEST // 2]} ... {line[-LONGEST // 2 :]}"


def make_model(layer: keras.layers.Layer, optimizer: Any = "adam") -> keras.Model:
    """One layer, compiled."""
    given = keras.Input((4,), name="x")
    model = keras.Model(given, layer(given))
    model.compile(optimizer, "mse", jit_compile=False)
    return model


def fitted(model: keras.Model, **options: Any) -> str:
    """The loss after a fit."""
    losses = model.fit(ROWS, LABELS, epochs=2, verbose=0, **options).history["loss"]
    return f"fit, losses {losses[0]:.6g}, {losses[1]:.6g}"
