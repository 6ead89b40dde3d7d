"""The rows that a round of several workers trains on: this worker's own, and who the others are."""

from __future__ import annotations

import json
import math
from typing import TYPE_CHECKING

import numpy as np

from ingest import Roster, Rows, Workers, gather_arrays, select_important
from millstream.pipeline import Pipeline
from millstream.rounds.plan import Plan
from millstream.training_rows import is_recent, recent
from millstream.turn import Turn

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import trainer

__all__ = ["shared_rows"]


def shared_rows(pipeline: Pipeline, turn: Turn, workers: Workers) -> tuple[Rows, Roster]:
    """A worker's rows, sorted by identity, and those of all with what each weighs.

    What `millstream.training_rows` says of weights holds over the rows of all workers.
    """
    config, schema, plan = pipeline.config, pipeline.schema, turn.plan
    rows, stand_for = important(pipeline, turn, workers)
    stand_for = recent(plan, rows, stand_for, weighs=config.sample.weighs)
    weights = of_mean_one(stand_for, workers)
    if plan.history_rows:
        past, stand_for = pipeline.past.recall(
            turn.parent, plan.history_rows, plan.seed, plan.round
        )
        past = turn.vocabularies.encode(past, schema)
        weights = np.concatenate([weights, of_mean_one(stand_for, workers)])
        rows = Rows.concat([rows, past])
        order = np.lexsort((rows.offset, rows.partition, rows.topic))
        rows, weights = rows.take(order), weights[order]
    if not (config.sample.weighs or is_recent(plan)):
        weights = np.ones(len(rows))
    own = rows.weights(schema)
    return rows, Roster.of(rows, weights if own is None else weights * own, workers)


def of_mean_one(weights: NDArray[np.float64], workers: Workers) -> NDArray[np.float64]:
    """float64[n]: the weights beside those of all workers' rows, with the mean 1.

    The sum is the exact one, rounded once, so it does not depend on who has which rows.
    """
    told = [each["weight"] for each in gather_arrays(workers, {"weight": weights})]
    everyone = np.concatenate(told)
    return weights / (math.fsum(everyone) / len(everyone)) if len(everyone) else weights


def important(pipeline: Pipeline, turn: Turn, workers: Workers) -> tuple[Rows, NDArray[np.float64]]:
    """A worker's rows of the window to train on, and how many records each stands for.

    See `millstream.training_rows.important`: the scores of all workers' rows decide.
    """
    settings, schema = pipeline.config.sample.importance, pipeline.schema
    rows, weights = turn.window.train, turn.window.train_weights
    if settings is None:
        return rows, weights
    scores = scores_of(pipeline, rows, settings.score, workers)
    own = rows.weights(schema)
    everyone = Roster.of(rows, scores if own is None else scores * own, workers)
    plan: Plan = turn.plan
    chosen, stand_for = select_important(
        everyone.rows,
        everyone.weight,
        pipeline.config.sample.window,
        plan.seed,
        epoch=plan.round,
        uniform_share=settings.uniform_share,
    )
    mine = everyone.place[chosen] >= 0
    places = everyone.place[chosen[mine]]
    return rows.take(places), weights[places] * stand_for[mine]


def scores_of(
    pipeline: Pipeline, rows: Rows, kind: trainer.Score, workers: Workers
) -> NDArray[np.float64]:
    """float64[n]: how much there is to learn from a worker's rows.

    Raises:
        trainer.TrainingError: rows of some worker cannot be scored; all of them raise it.
    """
    import trainer

    schema, scores, failed = pipeline.schema, np.zeros(0), []
    try:
        if len(rows):
            scores = pipeline.learner.scores(rows.features(schema), rows.labels(schema), kind)
    except trainer.TrainingError as error:
        failed = [error.place, error.expected, error.got, error.mend]
    for told in map(json.loads, workers.gather(json.dumps(failed).encode())):
        if told:
            place, expected, got, mend = told
            raise trainer.TrainingError(place, expected=expected, got=got, mend=mend)
    return scores
