"""What the rungs that change a Keras model share: a copy to change, and the way back to bytes."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from registry.artifact import Tflite
from registry.compress.feeding import answers, feed, known_rows
from registry.compress.fine_tune import FineTune, Schedule, fine_tune
from registry.compress.graph import flat_copy
from registry.compress.randomness import undisturbed
from registry.compress.rung import Rung
from registry.compress.subject import Subject
from registry.errors import ExportError, RungError
from registry.export import call, export_float32

if TYPE_CHECKING:
    import keras

__all__ = ["copied", "retrain"]

CHECKED_ROWS = 64
TOLERANCE = 1e-3


def copied(subject: Subject) -> keras.Model:
    """A flat copy of the subject's model, checked: it predicts as the export does.

    Raises:
        RungError: there is no model or there are no examples, it has several outputs, it cannot be
            copied, or the copy predicts something else.
    """
    if subject.model is None:
        raise RungError("needs the Keras model, and there are only exported bytes")
    if len(subject.model.outputs) != 1:
        raise RungError(
            f"models of one output can be fine-tuned, and this one has {len(subject.model.outputs)}"
        )
    rows = known_rows(subject).take(slice(CHECKED_ROWS))
    with undisturbed():
        model = flat_copy(subject.model)
    expected = answers(subject.float32, rows, model)
    got = np.asarray(call(model, feed(model, rows)))
    if not np.allclose(got, expected, rtol=TOLERANCE, atol=TOLERANCE, equal_nan=True):
        raise RungError(
            f"a copy of the model predicts something else than its export: expected "
            f"{expected.reshape(-1)[:4].tolist()}, got {got.reshape(-1)[:4].tolist()}"
        )
    return model


def retrain(
    subject: Subject,
    model: keras.Model,
    tune: FineTune,
    inner: Rung,
    schedule: Schedule | None = None,
) -> Tflite:
    """Fine-tune a changed copy, export it, and make it small.

    Args:
        subject: that the model was copied from.
        model: the changed copy; it is trained in place.
        tune: how.
        inner: the rung that makes the export small.
        schedule: what else happens to the weights meanwhile.

    Raises:
        CompressionError: the fine-tune diverged, the changed model cannot be exported, or the inner
            rung failed.
    """
    with undisturbed():
        fine_tune(model, subject, tune, schedule)
        try:
            float32 = export_float32(model)
        except ExportError as e:
            raise RungError(f"the changed model cannot be exported: {e}") from e
    return inner.apply(replace(subject, float32=float32, model=model))
