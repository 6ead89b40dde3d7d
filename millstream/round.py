"""The round: one turn of the loop, in the order that makes every kill harmless.

    1  ingest      runs in the background all the time (ingest.Intake)
    2  trigger     says that a round is due (millstream.service)
    3  plan        offset ranges, seed and parent, durably, before anything is trained
    4  test, then train
    5  checkpoint  weights, rows of the gate, report; the marker DONE last
    6  gate, compress, publish   to the registry, idempotent by round
    7  commit      to the consumer group, for the eyes of lag tools only

A kill before DONE: the round did not happen; its records are read again. A kill after DONE: the
restart publishes what was not published, from the files alone.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from ingest import (
    Augmentations,
    GroupCommitter,
    Position,
    Vocabularies,
    Window,
    steps_per_epoch,
    training_dataset,
)
from millstream.fault import fault_point
from millstream.growing import grow, schema_of
from millstream.pipeline import Pipeline
from millstream.plain import finite
from millstream.plan import Plan
from millstream.prequential import test_window
from millstream.publish import publish_round
from millstream.recipe import round_seed
from millstream.round_store import RoundFolder

if TYPE_CHECKING:
    from trainer import TrainReport

log = logging.getLogger("millstream")

__all__ = ["begin_store", "finish_round", "run_round", "train_or_restore"]


@dataclass(frozen=True)
class Turn:
    """What steps 3 to 5 hand to each other."""

    folder: RoundFolder
    parent: RoundFolder
    plan: Plan
    window: Window
    vocabularies: Vocabularies


def run_round(
    pipeline: Pipeline,
    parent: RoundFolder,
    window: Window,
    reason: str,
    should_stop: Callable[[], bool],
) -> RoundFolder:
    """Steps 3 to 5 for a window that ingest has cut; `finish_round` does steps 6 and 7.

    Args:
        pipeline: the parts.
        parent: the last complete round; the window begins where it ended.
        window: the records.
        reason: what made the trigger fire.
        should_stop: asked during training.

    Raises:
        trainer.TrainingAborted: `should_stop` said so before the marker was written; the round did
            not happen.
    """
    turn = plan(pipeline, parent, window, reason)
    schema = schema_of(pipeline.schema, turn.vocabularies)
    tested = test_window(pipeline, turn.parent, turn.window, schema)
    report = train_or_restore(pipeline, turn.parent, turn.window, turn.plan, should_stop)
    checkpoint(pipeline, turn, tested, report)
    return turn.folder


def finish_round(pipeline: Pipeline, committer: GroupCommitter, folder: RoundFolder) -> None:
    """Steps 6 and 7 for a round that happened; harmless when repeated."""
    pipeline.board.update(step=6, round=folder.number)
    fault_point("6.before")
    publish_round(pipeline, folder)
    fault_point("6.after")
    pipeline.board.update(step=7)
    fault_point("7.before")
    committer.commit(folder.plan().end)
    fault_point("7.after")


def begin_store(pipeline: Pipeline, start: Position, letters: Position) -> RoundFolder:
    """Round 0: the untrained model at the position where everything begins.

    Args:
        pipeline: the parts.
        start: of the records.
        letters: from where on the letters of these records are found, once there are any.
    """
    import trainer

    plan_zero = Plan(
        round=0,
        parent=None,
        start=start,
        end=start,
        gaps=(),
        seed=pipeline.config.sample.seed,
        recipe=pipeline.recipe_fingerprint,
        reason="start",
        created_ms=int(time.time() * 1000),
    )
    folder = pipeline.store.begin(plan_zero)
    digest = trainer.save(pipeline.learner.model, folder.weights)
    folder.write_report(
        {
            "schema": pipeline.schema.fingerprint(),
            "lineage": uuid.uuid4().hex,
            "dead_letters": letters.to_json(),
        }
    )
    folder.write_published({"version": None, "promoted": False, "reason": "untrained"})
    folder.mark_done(digest)
    return folder


def plan(pipeline: Pipeline, parent: RoundFolder, window: Window, reason: str) -> Turn:
    """Step 3: write down what the round will be made of."""
    number = parent.number + 1
    pipeline.board.update(step=3, round=number, epoch=0, losses={})
    fault_point("3.before")
    new = Plan(
        round=number,
        parent=parent.number,
        start=window.start,
        end=window.end,
        gaps=window.gaps,
        seed=pipeline.config.sample.seed,
        recipe=pipeline.recipe_fingerprint,
        reason=reason,
        created_ms=int(time.time() * 1000),
    )
    folder = pipeline.store.begin(new)
    for gap in new.gaps:
        log.warning(
            "round %d lacks %d records: the broker deleted %s[%d] offsets %d to %d before they were"
            " read; a longer retention of the topic keeps them",
            *(number, len(gap), gap.topic, gap.partition, gap.start, gap.end - 1),
        )
    fault_point("3.after")
    encoded, vocabularies = grow(pipeline.schema, parent, window)
    return Turn(folder, parent, new, encoded, vocabularies)


def train_or_restore(
    pipeline: Pipeline,
    parent: RoundFolder,
    window: Window,
    plan: Plan,
    should_stop: Callable[[], bool],
) -> TrainReport:
    """Step 4, second half; records that the model cannot take leave the parent's weights.

    Such a round is recorded with its reason, as a diverged one is, and the next one goes on with
    the next records: a restart on the same records would fail the same way, for ever. The weights
    that the learner has afterwards are a function of the parent's checkpoint, the window and the
    plan's seed; a replay calls this very function.
    """
    import trainer

    try:
        return train_window(pipeline, parent, window, plan, should_stop)
    except trainer.TrainingError as error:
        log.warning("round %d cannot be trained: %s", plan.round, error)
        trainer.load(pipeline.learner.model, parent.weights)
        return trainer.TrainReport(0, 0, False, False, {}, str(error), None, 0.0)


def train_window(
    pipeline: Pipeline,
    parent: RoundFolder,
    window: Window,
    plan: Plan,
    should_stop: Callable[[], bool],
) -> TrainReport:
    """Train from the parent's checkpoint, on the window, with early stopping.

    Raises:
        trainer.TrainingError: the model cannot take these records.
        trainer.TrainingAborted: `should_stop` said so.
    """
    import trainer

    settings, schema = pipeline.config.train, pipeline.schema
    pipeline.board.update(step=4)
    fault_point("4.before")
    trainer.load(pipeline.learner.model, parent.weights)
    seed = round_seed(plan.seed, plan.round)
    dataset = training_dataset(
        window.train,
        schema,
        batch_size=settings.batch_size,
        epochs=settings.epochs,
        seed=seed,
        augment=Augmentations(pipeline.steps),
    )
    validation = window.validation

    def on_epoch(epoch: int, logs: Any) -> None:
        pipeline.board.update(epoch=epoch, losses=dict(logs))
        fault_point("4.epoch")

    report = pipeline.learner.train(
        dataset,
        steps_per_epoch(len(window.train), settings.batch_size),
        (validation.features(schema), validation.labels(schema), validation.weights(schema)),
        trainer.TrainSettings(
            epochs=settings.epochs,
            patience=settings.patience,
            min_delta=settings.min_delta,
            monitor=settings.monitor,
            mode=settings.mode,
        ),
        round_seed=seed,
        on_epoch=on_epoch,
        should_stop=should_stop,
    )
    fault_point("4.after")
    return report


def checkpoint(pipeline: Pipeline, turn: Turn, tested: dict[str, Any], report: TrainReport) -> None:
    """Step 5: make the round real. Everything is durable before the marker is."""
    import trainer

    pipeline.board.update(step=5)
    fault_point("5.before")
    digest = trainer.save(pipeline.learner.model, turn.folder.weights)
    turn.window.test.save(turn.folder.test_rows)
    if turn.vocabularies.words:
        turn.folder.write_vocabulary(turn.vocabularies.to_json())
    fault_point("5.weights")
    turn.folder.write_report(
        finite(
            {
                "counts": asdict(turn.window.counts),
                "first_timestamp": turn.window.first_timestamp,
                "last_timestamp": turn.window.last_timestamp,
                "sampled": len(turn.window.train),
                "dead_letters": turn.window.dead_letters.to_json(),
                "training": report.to_json(),
                "prequential": tested,
            }
        )
    )
    fault_point("5.report")
    turn.folder.mark_done(digest)
    fault_point("5.after")
