"""The evidence that the gate decides on: what was measured on a round's test rows."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING

from ingest import Rows
from millstream.feature_statistics import statistics_of
from millstream.growing import schema_of, vocabularies_of
from millstream.pipeline import Pipeline
from millstream.prequential.slices import groups_of
from millstream.publishing.champion import Champion
from millstream.recipe import round_seed
from millstream.rounds.store import RoundFolder
from millstream.rungs.measured import FLOAT32, Measured

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    import trainer

__all__ = ["make_evidence"]


def make_evidence(
    pipeline: Pipeline,
    folder: RoundFolder,
    rows: Rows,
    measured: Mapping[str, Measured],
    champion: Champion,
) -> Callable[[Measured], trainer.Evidence]:
    """What the gate decides on, of each rung: a function of folder, bytes and champion.

    Args:
        pipeline: the parts.
        folder: the round's.
        rows: its test rows, with codes for words.
        measured: by rung, float32 among them.
        champion: what it made of the rows.
    """
    import trainer

    plan, float32 = folder.plan(), measured[FLOAT32]
    answers = answers_of(pipeline, folder, rows, float32, champion)
    classes = float32.output.shape[-1]
    evidence = trainer.Evidence(
        candidate=float32.scores,
        float32=float32.scores,
        champion=champion.scores,
        output_difference=0.0,
        rows=len(rows),
        answers=answers,
        baseline=trainer.score_constant(answers.task, answers.labels, answers.weights, classes),
        rounds=folder.number,
        trained_rows=statistics_of(pipeline.schema, folder).rows,
        seed=round_seed(plan.seed, plan.round),
    )

    def of(candidate: Measured) -> trainer.Evidence:
        return replace(
            evidence,
            candidate=candidate.scores,
            output_difference=candidate.difference,
            answers=replace(answers, candidate=candidate.output),
        )

    return of


def answers_of(
    pipeline: Pipeline, folder: RoundFolder, rows: Rows, float32: Measured, champion: Champion
) -> trainer.Answers:
    """What the float32 model and the champion answered to the test rows."""
    import trainer

    return trainer.Answers(
        task=pipeline.config.train.task,
        labels=rows.labels(pipeline.schema),
        candidate=float32.output,
        champion=champion.output,
        float32=float32.output,
        weights=rows.weights(pipeline.schema),
        groups=guarded_groups(pipeline, folder, rows),
    )


def guarded_groups(
    pipeline: Pipeline, folder: RoundFolder, rows: Rows
) -> dict[str, NDArray[np.str_]]:
    """By field the value of each row, of the fields that guards look at."""
    config, schema = pipeline.config, pipeline.schema
    names = sorted({guard.slice for guard in config.gate.guards if guard.slice is not None})
    if not names:
        return {}
    known = schema_of(schema, vocabularies_of(schema, folder))
    statistics = statistics_of(schema, folder)
    return groups_of(names, rows, known, statistics, config.prequential.slice_bins)
