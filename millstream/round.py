"""The round: one turn of the loop, in the order that makes every kill harmless.

    1  ingest      runs in the background all the time (ingest.Intake)
    2  trigger     says that a round is due (millstream.service)
    3  plan        offset ranges, seed and parent, durably, before anything is trained
    4  test, then train
    5  checkpoint  weights, rows of the gate, statistics, past, report; the marker DONE last
    6  gate, compress, publish   to the registry, idempotent by round; it waits for a registry that
                   is away (millstream.publishing.outbox), while the next rounds go on
    7  commit      to the consumer group, for the eyes of lag tools only

A kill before DONE: the round did not happen; its records are read again. A kill after DONE: the
restart publishes what was not published, from the files alone.
"""

from __future__ import annotations

import logging
import time
import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from ingest import GroupCommitter, Position, Statistics, Window
from millstream.checkpoint import checkpoint
from millstream.drift.reacting import begin_learner, react
from millstream.fault import fault_point
from millstream.feature_statistics import normalize, statistics_of, with_window
from millstream.fitting import train_settings
from millstream.growing import grow, schema_of
from millstream.pipeline import Pipeline
from millstream.prequential.prequential import test_past, test_window
from millstream.publishing.outbox import deliver
from millstream.recipe import round_seed
from millstream.rounds.plan import Plan
from millstream.rounds.store import RoundFolder
from millstream.training_data import training_data
from millstream.training_rows import rows_to_recall
from millstream.turn import Trained, Turn
from millstream.watch.seconds import Seconds
from millstream.workers.failed_round import note_failed
from millstream.workers.together import check_same, from_chief, wait_for_all

if TYPE_CHECKING:
    from trainer import TrainReport

log = logging.getLogger("millstream")

AT_ONCE = 3
"""Rounds that are published after a round: fewer wait than before, and training goes on."""

__all__ = ["begin_store", "carry_out", "finish_round", "plan", "run_round", "train_or_restore"]


def run_round(
    pipeline: Pipeline,
    parent: RoundFolder,
    window: Window,
    reason: str,
    should_stop: Callable[[], bool],
    seconds: Seconds | None = None,
    untrained: str | None = None,
) -> RoundFolder:
    """Steps 3 to 5 for a window that ingest has cut; `finish_round` does steps 6 and 7.

    Args:
        pipeline: the parts.
        parent: the last complete round; the window begins where it ended.
        window: the records.
        reason: what made the trigger fire.
        should_stop: asked during training.
        seconds: what led up to the round took so far.
        untrained: why the window is not to be trained on; None if it is.

    Raises:
        trainer.TrainingAborted: `should_stop` said so before the marker was written; the round did
            not happen.
        trainer.StepFailed: training failed on this worker alone; it has left a note.
    """
    import trainer

    seconds = seconds or Seconds()
    with seconds.part("plan"):
        turn = replace(plan(pipeline, parent, window, reason, untrained), seconds=seconds)
    try:
        carry_out(pipeline, turn, should_stop)
    except trainer.StepFailed as error:
        note_failed(pipeline.config, turn.plan, parent, str(error))
        raise
    return turn.folder


def carry_out(pipeline: Pipeline, turn: Turn, should_stop: Callable[[], bool]) -> None:
    """Steps 4 and 5 of a round that is planned; a replay from scratch does the same elsewhere.

    Raises:
        trainer.TrainingAborted: as `run_round`.
    """
    schema, seconds = schema_of(pipeline.schema, turn.vocabularies), turn.seconds
    with seconds.part("test"):
        rows, tested = test_window(pipeline, turn.parent, turn.window, schema)
        turn = react(pipeline, turn, rows, schema)
        remembered = test_past(pipeline, turn.parent)
    with seconds.part("train"):
        trained = train_or_restore(pipeline, turn, should_stop)
    checkpoint(pipeline, turn, tested, remembered, trained)


def finish_round(pipeline: Pipeline, committer: GroupCommitter, folder: RoundFolder) -> None:
    """Steps 6 and 7 for a round that happened; harmless when repeated. The first worker does it.

    While MLflow is away the round waits; those that have waited are published before it.
    """
    if not pipeline.is_chief:
        return
    pipeline.board.update(step=6, round=folder.number)
    fault_point("6.before")
    deliver(pipeline, AT_ONCE)
    fault_point("6.after")
    pipeline.board.update(step=7)
    fault_point("7.before")
    if pipeline.mirror.holds(folder):
        committer.commit(folder.plan().end)
    fault_point("7.after")


def begin_store(pipeline: Pipeline, start: Position, letters: Position) -> RoundFolder:
    """Round 0: the untrained model at the position where everything begins.

    Args:
        pipeline: the parts.
        start: of the records, with those of all workers.
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
    check_same("the untrained model", trainer.digest(pipeline.learner.model), pipeline.workers)
    folder = pipeline.store.folder(0)
    if not pipeline.is_chief:
        wait_for_all(pipeline.workers)
        return folder
    pipeline.store.begin(plan_zero)
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
    wait_for_all(pipeline.workers)
    return folder


def plan(
    pipeline: Pipeline,
    parent: RoundFolder,
    window: Window,
    reason: str,
    untrained: str | None = None,
) -> Turn:
    """Step 3: write down what the round will be made of."""
    import trainer

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
        history_rows=rows_to_recall(pipeline, parent, window),
        workers=pipeline.workers.size,
        untrained=untrained,
        repeats=trainer.repeats_bits(),
    )
    folder = pipeline.store.begin(new) if pipeline.is_chief else pipeline.store.folder(number)
    new = Plan.from_json(from_chief(new.to_json(), pipeline.workers))
    for gap in new.gaps:
        log.warning(
            "round %d lacks %d records: the broker deleted %s[%d] offsets %d to %d before they were"
            " read; a longer retention of the topic keeps them",
            *(number, len(gap), gap.topic, gap.partition, gap.start, gap.end - 1),
        )
    fault_point("3.after")
    encoded, vocabularies = grow(pipeline.schema, parent, window, pipeline.shared)
    return Turn(folder, parent, new, encoded, vocabularies)


def train_or_restore(pipeline: Pipeline, turn: Turn, should_stop: Callable[[], bool]) -> Trained:
    """Step 4, second half; a round that diverged leaves the parent's weights and statistics.

    So does one whose records the model cannot take. Such a round is recorded with its reason, and
    the next one goes on with the next records: a restart on the same records would fail the same
    way, for ever. The weights that the learner has afterwards are a function of the parent's
    checkpoint, the window and the plan's seed; a replay calls this very function.
    """
    import trainer

    before = statistics_of(pipeline.schema, turn.parent)
    after = with_window(before, turn.window, pipeline.shared)
    report = train_or_tell(pipeline, turn, after, should_stop)
    trained = Trained(report, after)
    if trained.learned:
        return trained
    trainer.load(pipeline.learner.model, turn.parent.weights)
    return Trained(report, before)


def train_or_tell(
    pipeline: Pipeline, turn: Turn, statistics: Statistics, should_stop: Callable[[], bool]
) -> TrainReport:
    """What training came to; of a window that cannot be trained on, the report says why."""
    import trainer

    try:
        if (why := turn.plan.untrained) is None:
            return train_window(pipeline, turn, statistics, should_stop)
    except trainer.TrainingError as error:
        why = str(error)
    log.warning("round %d cannot be trained: %s", turn.plan.round, why)
    return trainer.TrainReport(0, 0, False, False, {}, why, None, 0.0)


def train_window(
    pipeline: Pipeline, turn: Turn, statistics: Statistics, should_stop: Callable[[], bool]
) -> TrainReport:
    """Train from the parent's checkpoint, on the window and the past, with early stopping.

    The model normalises by the statistics, which have seen the window, and so do augmentations.

    Raises:
        trainer.TrainingError: the model cannot take these records.
        trainer.TrainingAborted: `should_stop` said so.
    """
    pipeline.board.update(step=4)
    fault_point("4.before")
    begin_learner(pipeline, turn)
    seed = round_seed(turn.plan.seed, turn.plan.round)
    given = training_data(pipeline, turn, statistics, seed)
    normalize(pipeline.learner.model, statistics)

    def on_epoch(epoch: int, logs: Any) -> None:
        pipeline.board.update(epoch=epoch, losses=dict(logs))
        fault_point("4.epoch")

    report = pipeline.learner.train(
        given.dataset,
        given.steps_per_epoch,
        given.validation,
        train_settings(pipeline.config, turn.plan),
        round_seed=seed,
        on_epoch=on_epoch,
        should_stop=should_stop,
    )
    fault_point("4.after")
    return report
