"""What a round trains on: rows of its window, and rows of the past."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest import Rows, Vocabularies, Window, select_important
from millstream.pipeline import Pipeline
from millstream.rehearsal import Rehearsal
from millstream.rounds.plan import Plan
from millstream.rounds.store import RoundFolder

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["TrainingRows", "rows_to_recall", "training_rows", "window_rows"]


@dataclass(frozen=True, eq=False)
class TrainingRows:
    """What a round trains on.

    Attributes:
        rows: with codes for words, sorted by identity.
        weights: float64[n], of each row in the loss; None leaves that to the schema.
    """

    rows: Rows
    weights: NDArray[np.float64] | None


def window_rows(pipeline: Pipeline, window: Window) -> int:
    """How many rows of a window are trained on, by all workers, all of which call it."""
    rows = sum(map(int, pipeline.workers.gather(str(len(window.train)).encode())))
    return min(rows, pipeline.config.sample.window)


def rows_to_recall(pipeline: Pipeline, parent: RoundFolder, window: Window) -> int:
    """How many rows of the past a round after `parent` trains on, by what the parent reports."""
    if not pipeline.past.is_kept:
        return 0
    config = pipeline.config
    ratio = Rehearsal.after(parent.report(), config.history, config.metric).ratio
    wanted = math.floor(ratio * window_rows(pipeline, window) + 0.5)
    return min(wanted, pipeline.past.rows(parent))


def training_rows(
    pipeline: Pipeline,
    parent: RoundFolder,
    window: Window,
    plan: Plan,
    vocabularies: Vocabularies,
) -> TrainingRows:
    """The rows of a round and their weights: a function of parent, window and plan alone.

    Where rows weigh what they stand for, those of the window have the mean weight 1, and so have
    those of the past: how much the past counts is the plan's matter, not that of its length. These
    weights multiply those of the schema.

    Args:
        pipeline: the parts; the learner has the parent's weights, by which importance is told.
        parent: the round before, whose past is recalled.
        window: the round's, with codes for words.
        plan: the round's.
        vocabularies: give the codes.
    """
    rows, stand_for = important(pipeline, window, plan)
    weights = of_mean_one(recent(plan, rows, stand_for, weighs=pipeline.config.sample.weighs))
    if plan.history_rows:
        past, stand_for = pipeline.past.recall(parent, plan.history_rows, plan.seed, plan.round)
        rows = Rows.concat([rows, vocabularies.encode(past, pipeline.schema)])
        order = np.lexsort((rows.offset, rows.partition, rows.topic))
        rows = rows.take(order)
        weights = np.concatenate([weights, of_mean_one(stand_for)])[order]
    if not (pipeline.config.sample.weighs or is_recent(plan)):
        return TrainingRows(rows, None)
    own = rows.weights(pipeline.schema)
    return TrainingRows(rows, weights if own is None else weights * own)


def is_recent(plan: Plan) -> bool:
    """Whether the round's reaction to a drift is that newer rows weigh more."""
    return plan.reaction is not None and plan.reaction.half_life_ms is not None


def recent(
    plan: Plan, rows: Rows, stand_for: NDArray[np.float64], *, weighs: bool
) -> NDArray[np.float64]:
    """What rows of the window weigh, float64[n]: what they stand for, if that counts, by their age.

    Args:
        plan: of the round.
        rows: of the window.
        stand_for: how many records each stands for, [n].
        weighs: whether that counts; it does as well where nothing else weighs.
    """
    if plan.reaction is None or not is_recent(plan):
        return stand_for
    recency = plan.reaction.recency(rows.timestamp)
    return stand_for * recency if weighs else recency


def important(pipeline: Pipeline, window: Window, plan: Plan) -> tuple[Rows, NDArray[np.float64]]:
    """The rows of the window to train on, and how many records each stands for, float64[n].

    If the configuration says so and there are more than are wanted, they are drawn by what the
    learner has to learn from them, which is weighed as the schema says.
    """
    settings, rows = pipeline.config.sample.importance, window.train
    count = min(len(rows), pipeline.config.sample.window)
    if settings is None or count == len(rows):
        return rows, window.train_weights
    schema = pipeline.schema
    scores = pipeline.learner.scores(rows.features(schema), rows.labels(schema), settings.score)
    own = rows.weights(schema)
    chosen, stand_for = select_important(
        rows,
        scores if own is None else scores * own,
        count,
        plan.seed,
        epoch=plan.round,
        uniform_share=settings.uniform_share,
    )
    return rows.take(chosen), window.train_weights[chosen] * stand_for


def of_mean_one(weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[n]: the weights beside each other, with the mean 1."""
    return weights / weights.mean() if len(weights) else weights
