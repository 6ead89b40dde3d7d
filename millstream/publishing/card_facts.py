"""What a model card tells beside the round's files, measured when a version is published."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest import Rows, Schema
from millstream.example import raw_columns
from millstream.fitting import exportable
from millstream.pipeline import Pipeline
from millstream.publishing.gate_report import gate_text
from millstream.recipe import round_seed
from millstream.rounds.store import RoundFolder
from millstream.rungs.measured import Measured
from registry import ExportError, KerasFile, make_keras_file

if TYPE_CHECKING:
    from trainer import Verdict

__all__ = ["CardFacts", "gather_facts"]

log = logging.getLogger("millstream")


@dataclass(frozen=True)
class CardFacts:
    """What the card tells beside the round's files.

    Attributes:
        name: of the registered model.
        schema: as in `schema.json`: fields, task, metric.
        example: raw values of a few rows, by column.
        outcome: what was chosen and compared, plain, as in `published.json`.
        intervals: by metric the bounds of the score, at 95 %.
        gate: the verdict's text.
        promote: the verdict.
        reason: why, and why its champion could not be scored, if so.
        keras: the model for TensorFlow; None if there is none.
        why_no_keras: then why.
    """

    name: str
    schema: Mapping[str, Any]
    example: Mapping[str, Sequence[Any]]
    outcome: Mapping[str, Any]
    intervals: Mapping[str, tuple[float, float]]
    gate: str
    promote: bool
    reason: str
    keras: KerasFile | None = None
    why_no_keras: str = ""


def gather_facts(
    pipeline: Pipeline,
    folder: RoundFolder,
    schema: Schema,
    rows: Rows,
    chosen: Measured,
    verdict: Verdict,
    outcome: dict[str, Any],
) -> CardFacts:
    """What the version's card tells."""
    keras, why_no_keras = keras_of(pipeline, folder)
    task = {"task": pipeline.config.train.task, "metric": pipeline.config.metric}
    reason = "; ".join(part for part in (verdict.reason, outcome["champion_note"]) if part)
    return CardFacts(
        name=pipeline.registry.name,
        schema=schema.to_json() | task,
        example=raw_columns(rows.take(np.arange(min(3, len(rows)))), schema),
        outcome=outcome,
        intervals=intervals_of(pipeline, folder, rows, chosen),
        gate=gate_text(reason, verdict.numbers, outcome["champion_version"]),
        promote=verdict.promote,
        reason=reason,
        keras=keras,
        why_no_keras=why_no_keras,
    )


def intervals_of(
    pipeline: Pipeline, folder: RoundFolder, rows: Rows, chosen: Measured
) -> dict[str, tuple[float, float]]:
    """By metric the bounds of the shipped bytes' score, at 95 %: a function of folder and bytes."""
    import trainer

    plan, task = folder.plan(), pipeline.config.train.task
    labels, weights = rows.labels(pipeline.schema), rows.weights(pipeline.schema)
    answers = trainer.Answers(task, labels, chosen.output, weights=weights)
    seed = round_seed(plan.seed, plan.round)
    return trainer.score_intervals(answers, tuple(chosen.scores), seed=seed)


def keras_of(pipeline: Pipeline, folder: RoundFolder) -> tuple[KerasFile | None, str]:
    """What was exported, as a `.keras` file; or none, and why. It never keeps a version back."""
    import trainer

    try:
        model = trainer.unsharded(exportable(pipeline.config, pipeline.learner.model))
        return make_keras_file(model), ""
    except (ExportError, trainer.ModelError) as error:
        reason = str(error).splitlines()[0]
        log.warning("the version of round %d has no .keras file: %s", folder.number, reason)
        return None, reason
