"""Which schemas the service can train on, and whether a model takes their features."""

from __future__ import annotations

from typing import TYPE_CHECKING

import ingest
from millstream.errors import ConfigError

if TYPE_CHECKING:
    import keras

__all__ = ["check_fits", "check_trainable"]

KINDS = {"category": "int32"}
ELSEWHERE = "or train with millstream.dataset, which gives it to a model of your own"


def check_trainable(schema: ingest.Schema) -> None:
    """Refuse fields that a model of the service cannot take: it needs rows of one shape.

    Raises:
        ConfigError: names each such field, and what to change.
    """
    found = [
        f"schema.features.{field.name}: {problem}"
        for field in schema.fields
        if (problem := _problem(field))
    ]
    if found:
        raise ConfigError("\n".join(found))


def _problem(field: ingest.Field) -> str:
    if field.dtype in {"string", "bytes"}:
        return (
            f"the service cannot train on {field.dtype}; make it a category with a vocabulary or"
            f" buckets, {ELSEWHERE}"
        )
    if field.length == "ragged":
        return (
            "the service cannot train on lists that differ in length; give it a fixed length,"
            f" {ELSEWHERE}"
        )
    return ""


def check_fits(model: keras.Model, schema: ingest.Schema) -> None:
    """Check that each input of a model is a feature of the schema, in its shape and type.

    What it normalises must be features with a mean, too.

    Raises:
        trainer.ModelError: one is not.
    """
    import trainer

    trainer.check_inputs(
        model,
        {
            field.name: trainer.FeatureSpec(
                field.shape,
                KINDS.get(field.dtype, field.dtype),
            )
            for field in schema.features
        },
    )
    known = ingest.Statistics.empty(schema)
    trainer.check_normalized(model, {name: known.mean(name).shape for name in known.numeric})
