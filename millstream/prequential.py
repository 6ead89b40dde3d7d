"""Test, then train: the incoming holdout is scored before any of its time is learned.

Two parts, so that several workers come to the same scores: `test_rows` predicts a worker's own
rows, and `score_rows` makes the report out of all rows and the parent's report, by pure arithmetic.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest import Rows, Schema, Window
from millstream.champion import predict_version, score_output
from millstream.config import Config
from millstream.feature_statistics import statistics_of
from millstream.growing import recoded, schema_of, vocabularies_of
from millstream.pipeline import Pipeline
from millstream.plain import finite
from millstream.prequential_rows import Tested
from millstream.prequential_slices import groups_of
from millstream.rehearsal import Rehearsal
from millstream.round_store import RoundFolder

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import trainer

__all__ = ["score_rows", "test_past", "test_rows", "test_window"]

log = logging.getLogger("millstream")

MODELS = ("learner", "champion")


def test_window(
    pipeline: Pipeline, parent: RoundFolder, window: Window, schema: Schema
) -> dict[str, Any]:
    """Score learner, champion and baselines on rows that none of them has seen.

    Args:
        pipeline: the parts.
        parent: the round whose checkpoint is the learner.
        window: the new round's records; its validation and test rows together are scored.
        schema: with the words of the window's codes.

    Returns:
        As `score_rows`.
    """
    tested = test_rows(pipeline, parent, window, schema)
    before = parent.report().get("prequential", {})
    return score_rows(pipeline.config, Tested.merge([tested]), before)


def test_rows(pipeline: Pipeline, parent: RoundFolder, window: Window, schema: Schema) -> Tested:
    """What learner and champion predict for the holdout of this worker's window.

    Args:
        pipeline: the parts.
        parent: the round whose checkpoint is the learner.
        window: the new round's records.
        schema: with the words of the window's codes.

    Returns:
        The rows; without predictions of a model that cannot take them. If it is the learner,
        `failed` says why.
    """
    import trainer

    rows = Rows.concat([window.validation, window.test])
    section = pipeline.config.prequential
    statistics = statistics_of(pipeline.schema, parent)
    topics = tuple(sorted({*rows.topics, *pipeline.config.kafka.topics}))
    tested = Tested(
        topic=rows.with_topics(topics).topic,
        partition=rows.partition,
        offset=rows.offset,
        timestamp=rows.timestamp,
        labels=rows.labels(pipeline.schema),
        weights=rows.weights(pipeline.schema),
        groups=groups_of(section.slices, rows, schema, statistics, section.slice_bins),
    )
    if len(rows) == 0:
        return tested
    trainer.load(pipeline.learner.model, parent.weights)
    known = schema_of(pipeline.schema, vocabularies_of(pipeline.schema, parent))
    try:
        learner = pipeline.learner.predict(recoded(rows, schema, known).features(schema))
    except (trainer.MetricError, trainer.TrainingError) as error:
        return replace(tested, failed=str(error))
    version = pipeline.registry.champion()
    champion, _ = predict_version(pipeline, version, rows, schema)
    return replace(
        tested,
        learner=learner,
        champion=champion,
        champion_version=None if version is None or champion is None else version.version,
    )


def score_rows(config: Config, tested: Tested, before: Mapping[str, Any]) -> dict[str, Any]:
    """The scores of everyone on the rows, and what the next round goes on with.

    A function of its arguments alone: all workers that have the same rows have the same report.

    Args:
        config: the configuration in force.
        tested: the rows of all workers, in the order of time.
        before: what this function returned for the parent; empty after round 0.

    Returns:
        `rows`; one entry of scores each for `learner`, `champion` (if there is one that can be
        scored), `majority_class` and `no_change`; `faded`, the faded scores of each of these and
        their sums; `slices`, if there are any, by model, feature and value; and the baselines'
        `state`. When the records cannot be scored, `failed` says why, and all that is carried
        from round to round is the parent's.
    """
    import trainer

    task = config.train.task
    baselines = trainer.Baselines.from_json(before.get("state"), task)
    faded = {who: trainer.Faded.from_json(f, task) for who, f in before.get("faded", {}).items()}
    carried = {"rows": len(tested), "state": baselines.to_json(), "faded": to_json(faded)}
    if len(tested) == 0:
        return carried
    if tested.learner is None:
        log.warning("the holdout cannot be scored: %s", tested.failed)
        return {**carried, "failed": tested.failed}
    try:
        predicted = {
            **predictions_of(task, tested),
            **trainer.predict_baselines(task, tested.labels, baselines),
        }
        scores = {
            who: trainer.score(task, tested.labels, output, tested.weights)
            for who, output in predicted.items()
        }
    except trainer.MetricError as error:
        log.warning("the holdout cannot be scored: %s", error)
        return {**carried, "failed": str(error)}
    for who, output in predicted.items():
        values = trainer.row_losses(task, tested.labels, output)
        known = faded.get(who, trainer.Faded.empty())
        faded[who] = known.after(values, scores[who], tested.weights, config.prequential.fading)
    told: dict[str, Any] = {**carried, **finite(scores), "faded": to_json(faded)}
    if "champion" in predicted:
        told["champion_version"] = tested.champion_version
    if tested.groups:
        told["slices"] = finite(score_slices(config, tested, predicted))
    after = trainer.update(baselines, tested.labels, tested.weights)
    return {**told, "state": after.to_json()}


def predictions_of(task: trainer.Task, tested: Tested) -> dict[str, NDArray[np.float32]]:
    """What learner and champion predict; not the champion's if it predicts something else."""
    import trainer

    found = {"learner": tested.learner, "champion": tested.champion}
    known = {who: output for who, output in found.items() if output is not None}
    if "champion" in known:
        try:
            trainer.score(task, tested.labels, known["champion"], tested.weights)
        except trainer.MetricError as error:
            log.warning("the champion cannot be scored on these records: %s", error)
            del known["champion"]
    return known


def score_slices(
    config: Config, tested: Tested, predicted: Mapping[str, NDArray[Any]]
) -> dict[str, Any]:
    """Rows and metrics of each slice, by model, feature and value."""
    import trainer

    section = config.prequential
    settings = trainer.SliceSettings(section.slice_values, section.slice_rows)
    return {
        who: {
            name: {value: part.to_json() for value, part in parts.items()}
            for name, parts in trainer.slice_scores(
                config.train.task,
                tested.labels,
                predicted[who],
                tested.weights,
                tested.groups,
                settings,
            ).items()
        }
        for who in MODELS
        if who in predicted
    }


def to_json(faded: Mapping[str, trainer.Faded]) -> dict[str, Any]:
    """Faded scores by who, as the report has them."""
    return {who: state.to_json() for who, state in faded.items()}


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
    if rows is None or len(rows) == 0:
        return known
    trainer.load(pipeline.learner.model, parent.weights)
    coded = vocabularies_of(pipeline.schema, parent).encode(rows, pipeline.schema)
    try:
        output = pipeline.learner.predict(coded.features(pipeline.schema))
        return known.scored(score_output(pipeline, coded, output).get(config.metric))
    except (trainer.MetricError, trainer.TrainingError) as error:
        log.warning("the old holdout cannot be scored: %s", error)
        return known
