"""Test, then train: the incoming holdout is scored before any of its time is learned."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ingest import Rows, Window
from millstream.pipeline import Pipeline
from millstream.round_store import RoundFolder
from registry import LiteModel, ModelVersion

if TYPE_CHECKING:
    from numpy.typing import NDArray


__all__ = ["champion_model", "test_window"]


def test_window(pipeline: Pipeline, parent: RoundFolder, window: Window) -> dict[str, Any]:
    """Score learner, champion and baselines on rows that none of them has seen.

    Args:
        pipeline: the parts.
        parent: the round whose checkpoint is the learner.
        window: the new round's records; its validation and test rows together are scored.

    Returns:
        `rows`, one entry of scores each for `learner`, `champion` (if there is one),
        `majority_class` and `no_change`, and the baselines' `state` for the next round.
    """
    import trainer

    task = pipeline.config.train.task
    rows = in_time_order(Rows.concat([window.validation, window.test]))
    state = trainer.Baselines.from_json(parent.report().get("prequential", {}).get("state"), task)
    if len(rows) == 0:
        return {"rows": 0, "state": state.to_json()}
    labels = rows.labels(pipeline.schema)
    features = rows.features(pipeline.schema)
    trainer.load(pipeline.learner.model, parent.weights)
    scores: dict[str, Any] = {
        "rows": len(rows),
        "learner": trainer.score(task, labels, pipeline.learner.predict(features)),
    }
    champion = pipeline.registry.champion()
    if champion is not None:
        scores["champion_version"] = champion.version
        predictions = champion_model(pipeline, champion).predict(features)
        scores["champion"] = trainer.score(task, labels, predictions)
    baselines, state = trainer.score_baselines(task, labels, state)
    return scores | baselines | {"state": state.to_json()}


def champion_model(pipeline: Pipeline, version: ModelVersion) -> LiteModel:
    """The champion's exported bytes, ready to predict."""
    return LiteModel(pipeline.registry.tflite(version))


def in_time_order(rows: Rows) -> Rows:
    """Rows by timestamp, ties by identity."""
    rows = rows.sorted_by_identity()
    order: NDArray[np.intp] = np.argsort(rows.timestamp, kind="stable")
    return rows.take(order)
