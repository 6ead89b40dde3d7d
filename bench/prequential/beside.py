"""River's models by river's own progressive validation: each record is predicted, then learned."""

from __future__ import annotations

from typing import Any

import numpy as np
from river import evaluate, forest, linear_model, metrics, multiclass, preprocessing, tree

from ingest import Rows, Schema

__all__ = ["MODELS", "make_model", "progressive"]

MODELS = ("LR", "Hoeffding tree", "ARF")


def make_model(name: str, seed: int, classes: int) -> Any:
    """A model with river's defaults.

    Args:
        name: one of `MODELS`. Logistic regression sees numbers scaled by the stream so far, and has
            more than two classes each against the rest; the forest has ten trees.
        seed: of the forest.
        classes: how many there are.
    """
    if name == "LR":
        linear = linear_model.LogisticRegression()
        several = multiclass.OneVsRestClassifier(linear)
        return preprocessing.StandardScaler() | (linear if classes == 2 else several)
    return tree.HoeffdingTreeClassifier() if name != "ARF" else forest.ARFClassifier(seed=seed)


def progressive(name: str, rows: Rows, schema: Schema, seed: int) -> float:
    """The accuracy over all records.

    Args:
        name: one of `MODELS`.
        rows: in their order.
        schema: of the rows.
        seed: of a forest.
    """
    numbers = np.asarray(rows.columns["x"], np.float64).tolist()
    records = (dict(enumerate(values)) for values in numbers)
    labelled = zip(records, rows.labels(schema).tolist(), strict=True)
    model = make_model(name, seed, len(schema.label.vocabulary))
    found = evaluate.progressive_val_score(labelled, model, metrics.Accuracy())
    return float(found.get())
