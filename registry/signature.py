"""The MLflow signature of a version: names of columns, what comes out, and the parameters."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.errors import PublicationError
from registry.litert import LiteModel

if TYPE_CHECKING:
    from mlflow.models import ModelSignature
    from mlflow.types.schema import ParamSchema

__all__ = ["make_signature"]


def make_signature(
    model: LiteModel,
    fields: Mapping[str, Mapping[str, Any]],
    example: Mapping[str, list[Any]],
    task: str | None,
) -> ModelSignature:
    """Raw values in, float32 out, found by predicting the example.

    All columns are typed `any`: MLflow would refuse whole numbers for a `double`, float64 for a
    `float` or a `long`, pandas' categories for a `string`, and `[rows, k]` for an array; the
    predictor itself checks and casts the values. A column with a default may be missing.

    Args:
        model: the bytes that ship.
        fields: of the schema, those that the model takes.
        example: raw values of a few rows.
        task: of the schema; decides the parameters.

    Raises:
        PublicationError: the example cannot be predicted.
    """
    from mlflow.models import ModelSignature
    from mlflow.types.schema import AnyType, ColSpec, Schema, TensorSpec

    from registry.predictor import InputError, encode

    try:
        encoded = {name: encode(field, example[name]) for name, field in fields.items()}
        output = model.predict(encoded)
    except InputError as e:
        raise PublicationError(f"example: {e}") from e
    columns: list[ColSpec | TensorSpec] = [
        ColSpec(AnyType(), name, required=field.get("default") is None)  # type: ignore[no-untyped-call]
        for name, field in fields.items()
    ]
    result = TensorSpec(np.dtype(np.float32), (-1, *output.shape[1:]))
    return ModelSignature(
        inputs=Schema(columns), outputs=Schema([result]), params=make_params(task)
    )


def make_params(task: str | None) -> ParamSchema:
    """What can be asked beside the records; MLflow warns of others and leaves them out."""
    from mlflow.types import DataType, ParamSchema, ParamSpec

    from registry.predictor import BATCH
    from registry.predictor.answer import params_of

    kinds = {"labels": (DataType.boolean, False), "threshold": (DataType.double, None)}
    return ParamSchema(
        [
            ParamSpec("batch", DataType.long, BATCH),
            *(ParamSpec(name, *kinds[name]) for name in params_of(task)),
        ]
    )
