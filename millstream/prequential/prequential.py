"""Test, then train: the incoming holdout is scored before any of its time is learned.

Two parts, so that several workers come to the same scores: `test_rows` predicts a worker's own
rows, and `prequential_scores.score_rows` makes the report out of all rows.
"""

from __future__ import annotations

import logging
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ingest import Rows, Schema, Window
from millstream.config.config import Config
from millstream.feature_statistics import statistics_of
from millstream.growing import recoded, schema_of, vocabularies_of
from millstream.pipeline import Pipeline
from millstream.plain import finite
from millstream.prequential.predicting import predict_alike
from millstream.prequential.river import in_time_order
from millstream.prequential.rows import Tested
from millstream.prequential.scores import score_rows
from millstream.prequential.slices import groups_of
from millstream.publishing.champion import champion_of_all, predict_version
from millstream.rehearsal import Rehearsal
from millstream.rounds.store import RoundFolder
from registry import ModelVersion, StoreError

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


__all__ = ["test_past", "test_rows", "test_window"]

log = logging.getLogger("millstream")


def test_window(
    pipeline: Pipeline, parent: RoundFolder, window: Window, schema: Schema
) -> tuple[Tested, dict[str, Any]]:
    """Score learner, champion and baselines on rows that none of them has seen.

    Args:
        pipeline: the parts.
        parent: the round whose checkpoint is the learner.
        window: the new round's records; its validation and test rows together are scored.
        schema: with the words of the window's codes.

    Returns:
        The rows of all workers with what was predicted, and what `score_rows` says of them.
    """
    tested = test_rows(pipeline, parent, window, schema, champion_of_all(pipeline))
    before = parent.report().get("prequential", {})
    rows = Tested.of_all(tested, pipeline.workers)
    if not pipeline.river.is_on:
        return rows, score_rows(pipeline.config, rows, before)
    rows, told = test_river(pipeline, parent, window, rows, schema)
    return rows, score_rows(pipeline.config, rows, before) | {"river_model": told}


def test_river(
    pipeline: Pipeline, parent: RoundFolder, window: Window, rows: Tested, schema: Schema
) -> tuple[Tested, dict[str, Any]]:
    """Test and train the model of river's; see `millstream.prequential.river`.

    Args:
        pipeline: the parts.
        parent: the round before.
        window: the new round's records.
        rows: its holdout, in the order of time.
        schema: with the words of the window's codes.

    Returns:
        The rows, now with that model's predictions if it has some; what the report says of it.
    """
    if pipeline.workers.size > 1:
        return rows, {"failed": "river's model is tested where one worker has all rows"}
    standing, output = pipeline.river.after(parent), None
    if rows.learner is not None:
        holdout = in_time_order(Rows.concat([window.validation, window.test]))
        classes = rows.learner.shape[1] if rows.learner.ndim == 2 else 2
        output = pipeline.river.predict(standing, holdout, schema, classes)
    folder = pipeline.store.folder(parent.number + 1)
    told = pipeline.river.learn(standing, window.train, schema, folder)
    return replace(rows, river=output), told


def test_rows(
    pipeline: Pipeline,
    parent: RoundFolder,
    window: Window,
    schema: Schema,
    version: ModelVersion | None,
) -> Tested:
    """What learner and champion predict for the holdout of this worker's window.

    Args:
        pipeline: the parts.
        parent: the round whose checkpoint is the learner.
        window: the new round's records.
        schema: with the words of the window's codes.
        version: the champion, if there is one.

    Returns:
        The rows; without predictions of a model that cannot take them. If it is the learner,
        `failed` says why.
    """
    import trainer

    rows = Rows.concat([window.validation, window.test])
    section = pipeline.config.prequential
    statistics = statistics_of(pipeline.schema, parent)
    groups = groups_of(section.slices, rows, schema, statistics, section.slice_bins)
    tested = replace(named_rows(pipeline, rows), groups=groups)
    if len(rows) == 0:
        return tested
    trainer.load(pipeline.learner.model, parent.weights)
    known = schema_of(pipeline.schema, vocabularies_of(pipeline.schema, parent))
    try:
        learner = predict(pipeline, recoded(rows, schema, known), schema)
    except (trainer.MetricError, trainer.TrainingError) as error:
        return replace(tested, failed=str(error))
    champion = None
    with suppress(StoreError):  # one of others, which is not kept, while MLflow is away
        champion, _ = predict_version(pipeline, version, rows, schema)
    return replace(
        tested,
        learner=learner,
        champion=champion,
        champion_version=None if version is None or champion is None else version.version,
    )


def named_rows(pipeline: Pipeline, rows: Rows) -> Tested:
    """Rows with their labels and weights, and no predictions yet."""
    topics = tuple(sorted({*rows.topics, *pipeline.config.kafka.topics}))
    return Tested(
        topic=rows.with_topics(topics).topic,
        partition=rows.partition,
        offset=rows.offset,
        timestamp=rows.timestamp,
        labels=rows.labels(pipeline.schema),
        weights=rows.weights(pipeline.schema),
    )


def predict(pipeline: Pipeline, rows: Rows, schema: Schema) -> NDArray[np.float32]:
    """What the learner predicts for rows.

    Raises:
        trainer.TrainingError: it cannot take them.
    """
    return predict_alike(
        pipeline.config, rows, lambda some: pipeline.learner.predict(some.features(schema))
    )


def test_past(pipeline: Pipeline, parent: RoundFolder) -> Rehearsal:
    """Score the learner on the old holdout, where it shows what was forgotten.

    Args:
        pipeline: the parts.
        parent: the round whose checkpoint is the learner, and whose past is scored.
    """
    import trainer

    config = pipeline.config
    known = Rehearsal.after(parent.report(), config.history, config.metric)
    rows = pipeline.past.holdout(parent)
    if rows is None:
        return known
    trainer.load(pipeline.learner.model, parent.weights)
    coded = vocabularies_of(pipeline.schema, parent).encode(rows, pipeline.schema)
    tested = named_rows(pipeline, coded)
    try:
        if len(coded):
            tested = replace(tested, learner=predict(pipeline, coded, pipeline.schema))
    except trainer.TrainingError as error:
        tested = replace(tested, failed=str(error))
    return score_past(config, Tested.of_all(tested, pipeline.workers), known)


def score_past(config: Config, tested: Tested, known: Rehearsal) -> Rehearsal:
    """What the learner's predictions for the old holdout say of forgetting."""
    import trainer

    if len(tested) == 0:
        return known
    if tested.learner is None:
        log.warning("the old holdout cannot be scored: %s", tested.failed)
        return known
    try:
        task = config.train.task
        scores = trainer.score(task, tested.labels, tested.learner, tested.weights)
        return known.scored(finite(scores).get(config.metric))
    except trainer.MetricError as error:
        log.warning("the old holdout cannot be scored: %s", error)
        return known
