"""Everything a service needs, opened where the last complete round ended."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from ingest import GroupCommitter, Intake, IntakeSeconds, KafkaSource, Window, WindowBuilder
from millstream.config.config import Config
from millstream.dead_letters import end_of_letters, open_dead_letters
from millstream.errors import RoundStoreError
from millstream.pipeline import Pipeline, keep_recipe, make_builder, source_options
from millstream.publishing.outbox import rounds_that_wait
from millstream.publishing.publish import tell_champion
from millstream.round import begin_store, finish_round
from millstream.rounds.store import RoundFolder
from millstream.watch.flow import Flow
from millstream.watch.seconds import Seconds
from millstream.watch.tracing import NoTraces, Traces
from millstream.workers.failed_round import FailedRound, find_failed, read_failed
from millstream.workers.readings import Readings
from millstream.workers.together import (
    check_same,
    from_chief,
    own_part,
    owns,
    whole_position,
)

__all__ = ["Running", "Untrained", "open_parts", "record_limits", "tell_missing"]

# Unless the configuration says how many, a round takes at most so many times what begins one, or
# such a part of what waits: few rounds for any backlog, and a stream of any rate is kept up with.
PART = 20


@dataclass(frozen=True)
class Untrained:
    """The window of a round that has failed, read again; it is recorded before anything else."""

    failed: FailedRound
    window: Window


@dataclass
class Running:
    """The open parts of a service.

    Attributes:
        readings: what the other workers have read.
        untrained: what the round before this start has left; None if nothing.
        seconds: of the round that begins next.
        traces: where rounds are told to that are over.
        flow: what is told of this worker's partitions.
        spent: by the threads of all workers that read, when the wait for that round began and at
            the last look; None before there was one.
    """

    pipeline: Pipeline
    latest: RoundFolder
    committer: GroupCommitter
    intake: Intake
    stop: threading.Event
    servers: str
    readings: Readings
    seconds: Seconds
    untrained: Untrained | None
    traces: Traces = field(default_factory=NoTraces)
    flow: Flow = field(default_factory=Flow)
    spent: tuple[IntakeSeconds, IntakeSeconds] | None = None

    def waited_for(self) -> dict[str, float]:
        """What the wait for the next round was for, in seconds of all threads that read."""
        begun, now = self.spent or (IntakeSeconds(), IntakeSeconds())
        spent = now.minus(begun)
        return {
            "wait": spent.idle + spent.full,
            "broker": spent.broker,
            "decode": spent.decode,
        }

    def should_stop(self) -> bool:
        """Asked while a round trains.

        Raises:
            IngestError: reading has failed meanwhile; the round is abandoned.
        """
        self.intake.check()
        return self.stop.is_set()


@contextmanager
def open_parts(pipeline: Pipeline, servers: str, stop: threading.Event) -> Iterator[Running]:
    """Resume from the last complete round, finish what it left unpublished, start ingest."""
    config, workers = pipeline.config, pipeline.workers
    connection = source_options(config, servers)
    if pipeline.is_chief:
        keep_recipe(pipeline)
    with ExitStack() as stack:
        latest = latest_of_all(pipeline)
        start = own_part(latest.plan().end, workers) if latest else config.kafka.start
        source = KafkaSource(config.kafka.topics, connection, start, takes=owns(workers))
        stack.callback(source.close)
        pipeline.board.update(cluster=source.cluster_id or "")
        if latest is None:
            letters = end_of_letters(config, connection)
            latest = begin_store(pipeline, whole_position(source.position(), workers), letters)
        pipeline.board.update(round=latest.number)
        check_state(pipeline, latest)
        pipeline.mirror.save()
        committer = GroupCommitter(connection, config.group_id)
        stack.callback(committer.close)
        if pipeline.is_chief and rounds_that_wait(pipeline.store):
            finish_round(pipeline, committer, latest)
        dead_letters = open_dead_letters(
            config, connection, pipeline.store, latest, takes=owns(workers)
        )
        stack.callback(dead_letters.close)
        begin, untrained = own_part(latest.plan().end, workers), None
        if (failed := find_failed(pipeline, latest)) is not None:
            window = read_failed(pipeline, failed, connection, dead_letters)
            if window is not None:
                begin, untrained = window.end, Untrained(failed, window)
                source.seek(begin)
        builder = make_builder(pipeline, dead_letters, begin)
        intake = make_intake(config, source, builder, workers.size)
        stack.callback(intake.close)
        intake.start()
        parts = (committer, intake, stop, servers, open_readings(pipeline), Seconds(), untrained)
        yield Running(pipeline, latest, *parts)


def open_readings(pipeline: Pipeline) -> Readings:
    """What the other workers have read; all call it, as a run has a name of its own."""
    workers, run = pipeline.workers, from_chief(secrets.token_hex(8), pipeline.workers)
    return Readings(pipeline.config.state_dir / "workers", workers.rank, workers.size, run)


def latest_of_all(pipeline: Pipeline) -> RoundFolder | None:
    """The last round that happened, which is the same for all workers.

    Raises:
        WorkersError: it is not: they do not share one state folder.
    """
    latest = pipeline.store.latest()
    told = f"{latest.number} {latest.digest()}" if latest else "none"
    check_same("the last round", told, pipeline.workers)
    return latest


def make_intake(
    config: Config, source: KafkaSource, builder: WindowBuilder, workers: int
) -> Intake:
    """Ingest as the configuration says; a round takes a bounded part of a backlog."""
    kafka = config.kafka
    most, windows = record_limits(config, workers)
    return Intake(
        source,
        builder,
        max_bad_ratio=kafka.max_bad_ratio,
        bad_ratio_min_records=kafka.bad_ratio_min_records,
        backlog_records=kafka.backlog_records if kafka.check == "auto" else None,
        max_records=most,
        backlog_windows=windows,
    )


def record_limits(config: Config, workers: int) -> tuple[int, int | None]:
    """How many records a window of one worker has, and the part of a backlog that may be more."""
    trigger = config.trigger
    usual = PART * (trigger.records or config.sample.window)
    most = max(1, (trigger.max_records or usual) // workers)
    return most, None if trigger.max_records else PART


def check_state(pipeline: Pipeline, latest: RoundFolder) -> None:
    """Refuse to continue a learner that these settings do not fit, before anything is read.

    Raises:
        RoundStoreError: the schema is another, the rounds do not tile, or the history is damaged.
        trainer.CheckpointError: the model is another.
    """
    import trainer

    saved = pipeline.store.folder(0).report()["schema"]
    current = pipeline.schema.fingerprint()
    if saved != current:
        raise RoundStoreError(
            f"{pipeline.config.state_dir}: its rounds were made with schema {saved[:12]}, the"
            f" configuration describes {current[:12]}; restore [schema], or choose another"
            " service.state_dir for a new learner"
        )
    pipeline.store.check_chain()
    tell_missing(pipeline)
    latest.check_weights(trainer.load(pipeline.learner.model, latest.weights))
    ratio = latest.report().get("history", {}).get("ratio", 0.0)
    pipeline.board.update(history_rows=pipeline.past.rows(latest), history_ratio=ratio)
    if pipeline.is_chief:
        tell_champion(pipeline)


def tell_missing(pipeline: Pipeline) -> None:
    """Show on the board how many offsets the broker had deleted before they were read."""
    pipeline.board.update(missing=sum(folder.missing() for folder in pipeline.store.complete()))
