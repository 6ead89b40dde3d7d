"""Test, then train: the incoming holdout is scored before any of its time is learned."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest import Rows, Schema, Window
from millstream.champion import score_output, score_version
from millstream.growing import recoded, schema_of, vocabularies_of
from millstream.pipeline import Pipeline
from millstream.plain import finite
from millstream.rehearsal import Rehearsal
from millstream.round_store import RoundFolder

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["test_past", "test_window"]

log = logging.getLogger("millstream")


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
        `rows`, one entry of scores each for `learner`, `champion` (if there is one that can be
        scored), `majority_class` and `no_change`, and the baselines' `state` for the next round.
        When the records cannot be scored, `failed` says why, and the state is the parent's.
    """
    import trainer

    rows = in_time_order(Rows.concat([window.validation, window.test]))
    before = parent.report().get("prequential", {}).get("state")
    state = trainer.Baselines.from_json(before, pipeline.config.train.task)
    if len(rows) == 0:
        return {"rows": 0, "state": state.to_json()}
    trainer.load(pipeline.learner.model, parent.weights)
    known = schema_of(pipeline.schema, vocabularies_of(pipeline.schema, parent))
    try:
        output = pipeline.learner.predict(recoded(rows, schema, known).features(schema))
        return {"rows": len(rows), **score_all(pipeline, rows, schema, output, state)}
    except (trainer.MetricError, trainer.TrainingError) as error:
        log.warning("the holdout cannot be scored: %s", error)
        return {"rows": len(rows), "failed": str(error), "state": state.to_json()}


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


def score_all(
    pipeline: Pipeline, rows: Rows, schema: Schema, output: NDArray[np.float32], state: Any
) -> dict[str, Any]:
    """The scores of everyone on the rows, and the baselines' next state.

    Args:
        pipeline: the parts.
        rows: in the order of time.
        schema: with the words of their codes.
        output: the learner's predictions.
        state: of the baselines.

    Raises:
        trainer.MetricError: labels or predictions do not fit the task.
    """
    import trainer

    scores: dict[str, Any] = {"learner": score_output(pipeline, rows, output)}
    champion = pipeline.registry.champion()
    champion_scores, _ = score_version(pipeline, champion, rows, schema)
    if champion is not None and champion_scores is not None:
        scores |= {"champion": champion_scores, "champion_version": champion.version}
    baselines, after = trainer.score_baselines(
        pipeline.config.train.task, rows.labels(schema), state, rows.weights(schema)
    )
    return {**scores, **finite(baselines), "state": after.to_json()}


def in_time_order(rows: Rows) -> Rows:
    """Rows by timestamp, ties by identity."""
    rows = rows.sorted_by_identity()
    order: NDArray[np.intp] = np.argsort(rows.timestamp, kind="stable")
    return rows.take(order)
