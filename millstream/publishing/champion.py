"""The version to beat, scored on rows of now; one that cannot be scored must not block others."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ingest import Rows, Schema, SchemaError
from millstream.growing import recoded
from millstream.pipeline import Pipeline
from millstream.plain import finite
from millstream.prequential.predicting import predict_alike
from millstream.workers.together import from_chief
from registry import LiteModel, ModelVersion, RegistryError, StoreRefused, StoreUnavailable

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Champion", "ask_champion", "champion_of_all", "predict_version", "score_output"]

log = logging.getLogger("millstream")


@dataclass(frozen=True, eq=False)
class Champion:
    """The version to beat, asked about the test rows.

    Attributes:
        version: None if there is none.
        scores: metric to value; None if it cannot be scored.
        output: its predictions, float32[n, ...]; None with the scores.
        note: why it cannot be scored; empty if it can, or if there was nothing to score.
    """

    version: ModelVersion | None = None
    scores: dict[str, float] | None = None
    output: NDArray[np.float32] | None = None
    note: str = ""


def champion_of_all(pipeline: Pipeline) -> ModelVersion | None:
    """The champion that all workers test with: the first one knows, and tells the others.

    While MLflow is away it is the last one that was known. All workers call it.
    """
    found = pipeline.champions.champion() if pipeline.is_chief else None
    if pipeline.workers.size == 1:
        return found
    told = from_chief(None if found is None else found.to_json(), pipeline.workers)
    return None if told is None else ModelVersion.from_json(told)


def ask_champion(
    pipeline: Pipeline, version: ModelVersion | None, rows: Rows, schema: Schema
) -> Champion:
    """What the version to beat makes of the test rows.

    Args:
        pipeline: the parts.
        version: the one to beat, if there is one.
        rows: with codes for words.
        schema: with the words of these codes.

    Raises:
        StoreUnavailable: MLflow is away.
        StoreRefused: it does not hand out the version.
    """
    import trainer

    output, note = predict_version(pipeline, version, rows, schema)
    if version is None or output is None:
        return Champion(version, note=note)
    try:
        return Champion(version, score_output(pipeline, rows, output), output)
    except trainer.MetricError as error:
        return Champion(version, note=cannot_be_scored(version, error))


def predict_version(
    pipeline: Pipeline, version: ModelVersion | None, rows: Rows, schema: Schema
) -> tuple[NDArray[np.float32] | None, str]:
    """What a version's exported bytes predict for some rows.

    Args:
        pipeline: the parts.
        version: the one to ask; None predicts nothing.
        rows: with codes for words.
        schema: with the words of these codes; the version may have others for them.

    Returns:
        float32[n] or [n, c], or None and the reason: there is no version or no row (""), its inputs
        are not in the schema any more, it was registered by others, or its artifact is gone.

    Raises:
        StoreUnavailable: MLflow is away.
        StoreRefused: it does not hand out the version.
    """
    if version is None or len(rows) == 0:
        return None, ""
    try:
        model = LiteModel(pipeline.champions.tflite(version))
        theirs = Schema.from_json(pipeline.champions.schema(version))
        if theirs.label.vocabulary != schema.label.vocabulary:
            raise SchemaError("the words of its label are others")
        coded = recoded(rows, schema, theirs)
        return predict_alike(
            pipeline.config, coded, lambda some: model.predict(some.features(schema))
        ), ""
    except (StoreRefused, StoreUnavailable):
        raise
    except (RegistryError, SchemaError) as error:
        return None, cannot_be_scored(version, error)


def cannot_be_scored(version: ModelVersion, error: Exception) -> str:
    """The note on a champion that does not fit the records of now; it is logged, too."""
    note = (
        f"the champion, version {version.version}, cannot be scored on these records:"
        f" {str(error).splitlines()[0]}"
    )
    log.warning(note)
    return note


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
