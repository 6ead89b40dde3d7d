"""The version to beat, scored on rows of now; one that cannot be scored must not block others."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from ingest import Rows, Schema, SchemaError
from millstream.growing import recoded
from millstream.pipeline import Pipeline
from millstream.plain import finite
from registry import LiteModel, ModelVersion, RegistryError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["score_output", "score_version"]

log = logging.getLogger("millstream")


def score_version(
    pipeline: Pipeline, version: ModelVersion | None, rows: Rows, schema: Schema
) -> tuple[dict[str, float] | None, str]:
    """What a version's exported bytes score on some rows.

    Args:
        pipeline: the parts.
        version: the one to score; None scores nothing.
        rows: with codes for words.
        schema: with the words of these codes; the version may have others for them.

    Returns:
        The scores, or None and the reason: its inputs are not in the schema any more, it was
        registered by others, its artifact is gone, or it predicts something else.
    """
    import trainer

    if version is None or len(rows) == 0:
        return None, ""
    try:
        model = LiteModel(pipeline.registry.tflite(version))
        theirs = Schema.from_json(pipeline.registry.schema(version))
        if theirs.label.vocabulary != schema.label.vocabulary:
            raise SchemaError("the words of its label are others")
        output = model.predict(recoded(rows, schema, theirs).features(schema))
        return score_output(pipeline, rows, output), ""
    except (RegistryError, SchemaError, trainer.MetricError) as error:
        note = (
            f"the champion, version {version.version}, cannot be scored on these records:"
            f" {str(error).splitlines()[0]}"
        )
        log.warning(note)
        return None, note


def score_output(pipeline: Pipeline, rows: Rows, output: NDArray) -> dict[str, float]:  # type: ignore[type-arg]
    """Scores of predictions on rows, weighed as the schema says; none that is not finite.

    Raises:
        trainer.MetricError: labels or predictions do not fit the task.
    """
    import trainer

    if len(rows) == 0:
        return {}
    labels, weights = rows.labels(pipeline.schema), rows.weights(pipeline.schema)
    scores = trainer.score(pipeline.config.train.task, labels, output, weights)
    plain: dict[str, float] = finite(scores)
    return plain
