"""Every byte rung on every family of models, beside TensorFlow's own one-line default.

`python -m bench.compress.family_table` prints, for each family and rung, bytes and gzip as shares
of the float32 export, the largest difference of an output, and the time of one row as a share of
float32's (medians of interleaved calls); or the reason why the rung does not apply.
"""

from __future__ import annotations

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from bench.compress.families import FAMILIES
from registry import (
    Artifact,
    Examples,
    LadderSettings,
    LiteModel,
    SkippedRung,
    Subject,
    export_float32,
    ladder,
    named_inputs,
)
from registry.artifact import gzip_model
from registry.export import SIGNATURE, write_archive

if TYPE_CHECKING:
    import keras

__all__ = ["main", "one_line_default"]

RUNGS = ("float16", "int8", "static_int8", "int4", "calibrated_int4")
DEFAULT = "TF default"
ROWS = 512
CALLS = 200


def one_line_default(model: keras.Model) -> bytes:
    """What `converter.optimizations = [tf.lite.Optimize.DEFAULT]` makes of the same SavedModel."""
    import tensorflow as tf

    with tempfile.TemporaryDirectory() as folder:
        write_archive(model, named_inputs(model), folder, whole=False)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=[SIGNATURE])
        converter.optimizations = [tf.lite.Optimize.DEFAULT]
        return bytes(converter.convert())


def largest_difference(got: Any, exact: Any) -> float:
    """Over all rows and outputs."""
    if isinstance(exact, dict):
        return max(largest_difference(got[name], exact[name]) for name in exact)
    return float(np.abs(got - exact).max())


def seconds(models: Mapping[str, LiteModel], row: Mapping[str, np.ndarray]) -> dict[str, float]:
    """Median time of one row for each model, the models taking turns."""
    spent: dict[str, list[float]] = {name: [] for name in models}
    for _ in range(CALLS):
        for name, model in models.items():
            start = time.perf_counter()
            model.predict(row)
            spent[name].append(time.perf_counter() - start)
    return {name: statistics.median(times) for name, times in spent.items()}


def climb(family: str) -> list[Artifact | SkippedRung]:
    """One family's float32 export, its rungs and the one-line default."""
    import keras

    keras.utils.set_random_seed(7)
    model, features = FAMILIES[family](np.random.default_rng(7), ROWS)
    subject = Subject(export_float32(model), examples=Examples(features, np.zeros(ROWS)))
    entries = ladder(subject, LadderSettings(RUNGS))
    return [*entries, Artifact(DEFAULT, one_line_default(model))]


def show(family: str) -> None:
    """Print one family's lines."""
    _, features = FAMILIES[family](np.random.default_rng(7), ROWS)
    entries = climb(family)
    made = {e.rung: e for e in entries if isinstance(e, Artifact)}
    models = {rung: LiteModel(entry.tflite) for rung, entry in made.items()}
    times = seconds(models, {name: column[:1] for name, column in features.items()})
    exact, whole = models["float32"].predict(features), made["float32"]
    print(f"{family}: {whole.bytes:,} bytes, {whole.gzip_bytes:,} with gzip")
    for entry in entries[1:]:
        if isinstance(entry, SkippedRung):
            print(f"  {entry.rung:12} {entry.reason}")
            continue
        packed = len(gzip_model(entry.tflite)) / whole.gzip_bytes
        print(
            f"  {entry.rung:12} bytes {entry.bytes / whole.bytes:.3f}  gzip {packed:.3f}"
            f"  difference {largest_difference(models[entry.rung].predict(features), exact):.4f}"
            f"  time {times[entry.rung] / times['float32']:.2f}"
        )


def main() -> None:
    """Print the table; families named on the command line, or all."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    for family in sys.argv[1:] or FAMILIES:
        show(family)


if __name__ == "__main__":
    main()
