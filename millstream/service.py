"""The service: ingest in the background, a round when the trigger says so, until told to stop."""

from __future__ import annotations

import gc
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass

from ingest import GroupCommitter, Intake, KafkaSource, WindowBuilder
from ingest.redaction import public_uri
from millstream.board import Board
from millstream.config import Config
from millstream.dead_letters import end_of_letters, open_dead_letters
from millstream.endings import Idleness, Silence, check_progress
from millstream.errors import RoundStoreError
from millstream.fault import fault_point
from millstream.local import open_broker, open_registry
from millstream.outlook import Outlook
from millstream.pipeline import Pipeline, make_builder, open_pipeline, source_options
from millstream.publish import tell_champion
from millstream.round import begin_store, finish_round, run_round
from millstream.round_store import RoundFolder
from millstream.state_lock import state_lock
from millstream.triggers import make_trigger

__all__ = ["RunOptions", "run_service"]

log = logging.getLogger("millstream")

# Unless the configuration says how many, a round takes at most so many times what begins one, or
# such a part of what waits: few rounds for any backlog, and a stream of any rate is kept up with.
PART = 20


@dataclass(frozen=True)
class RunOptions:
    """When `run_service` ends by itself; by default it does not.

    Attributes:
        stop_when_idle_s: end after a last round once no record came for so many seconds.
        max_rounds: end after so many rounds of this process.
    """

    stop_when_idle_s: float | None = None
    max_rounds: int | None = None


@dataclass(frozen=True)
class Running:
    """The open parts of a service."""

    pipeline: Pipeline
    latest: RoundFolder
    committer: GroupCommitter
    intake: Intake
    stop: threading.Event
    servers: str

    def should_stop(self) -> bool:
        """Asked while a round trains.

        Raises:
            IngestError: reading has failed meanwhile; the round is abandoned.
        """
        self.intake.check()
        return self.stop.is_set()


def run_service(
    config: Config,
    options: RunOptions,
    board: Board,
    stop: threading.Event,
    on_round: Callable[[RoundFolder], None] | None = None,
) -> None:
    """Run until `stop` is set or the options say so.

    A round that is in training when `stop` is set is abandoned (its records are read again at the
    next start); one that has its marker is published first. So no half round exists, ever.

    Args:
        config: the configuration.
        options: when to end by itself.
        board: told what happens.
        stop: set it from any thread or signal handler for a clean end.
        on_round: called after each round that was published.

    Raises:
        MillstreamError: or the root error of a room; each is one line for people, and the state
            folder is good for a restart after any of them.
    """
    with ExitStack() as stack:
        stack.enter_context(state_lock(config.state_dir))
        stack.enter_context(telling_the_end(board))
        board.update(note="loading TensorFlow and the model")
        tracking_uri = open_registry(config)
        pipeline = open_pipeline(config, tracking_uri, board)
        board.update(note="reaching Kafka", registry=public_uri(tracking_uri))
        servers = stack.enter_context(open_broker(config))
        board.update(kafka=servers)
        running = stack.enter_context(open_parts(pipeline, servers, stop))
        stack.enter_context(ticking(running))
        board.update(phase="running", step=1, note="")
        loop(running, options, on_round)


@contextmanager
def telling_the_end(board: Board) -> Iterator[None]:
    """Leave the last word in the status file: stopped, or failed and why."""
    try:
        yield
    except Exception as error:
        board.update(phase="failed:", note=str(error).splitlines()[0] if str(error) else "")
        raise
    else:
        board.update(phase="stopped", note="")
    finally:
        board.save()


@contextmanager
def open_parts(pipeline: Pipeline, servers: str, stop: threading.Event) -> Iterator[Running]:
    """Resume from the last complete round, finish what it left unpublished, start ingest."""
    config = pipeline.config
    connection = source_options(config, servers)
    with ExitStack() as stack:
        latest = pipeline.store.latest()
        start = latest.plan().end if latest else config.kafka.start
        source = KafkaSource(config.kafka.topics, connection, start)
        stack.callback(source.close)
        if latest is None:
            letters = end_of_letters(config, connection)
            latest = begin_store(pipeline, source.position(), letters)
        check_state(pipeline, latest)
        committer = GroupCommitter(connection, config.group_id)
        stack.callback(committer.close)
        for folder in pipeline.store.complete():
            if folder.published() is None:
                finish_round(pipeline, committer, folder)
        dead_letters = open_dead_letters(config, connection, pipeline.store, latest)
        stack.callback(dead_letters.close)
        builder = make_builder(pipeline, dead_letters, latest.plan().end)
        intake = make_intake(config, source, builder)
        stack.callback(intake.close)
        intake.start()
        yield Running(pipeline, latest, committer, intake, stop, servers)


def make_intake(config: Config, source: KafkaSource, builder: WindowBuilder) -> Intake:
    """Ingest as the configuration says; a round takes a bounded part of a backlog."""
    kafka, trigger = config.kafka, config.trigger
    usual = PART * (trigger.records or config.sample.window)
    return Intake(
        source,
        builder,
        max_bad_ratio=kafka.max_bad_ratio,
        bad_ratio_min_records=kafka.bad_ratio_min_records,
        backlog_records=kafka.backlog_records if kafka.check == "auto" else None,
        max_records=trigger.max_records or usual,
        backlog_windows=None if trigger.max_records else PART,
    )


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
    trainer.load(pipeline.learner.model, latest.weights)
    ratio = latest.report().get("history", {}).get("ratio", 0.0)
    pipeline.board.update(history_rows=pipeline.past.rows(latest), history_ratio=ratio)
    tell_champion(pipeline)


def loop(
    running: Running, options: RunOptions, on_round: Callable[[RoundFolder], None] | None
) -> None:
    """Steps 1 and 2: wait for the trigger, cut the window, run the round."""
    import trainer

    trigger = make_trigger(running.pipeline.config.trigger)
    outlook = Outlook(running.pipeline, running.intake)
    idle = Idleness(options.stop_when_idle_s)
    silence = Silence(running.servers)
    rounds, latest = 0, running.latest
    while not running.stop.is_set():
        running.intake.check()
        silence.check(running.intake.lag())
        waiting = outlook.waiting(latest)
        records = waiting.records
        is_idle = idle.reached(running.intake.totals().records, running.intake.lag())
        full = f"{records} records, no more fit" if running.intake.is_full() else None
        reason = trigger.due(waiting) or full or ("idle" if is_idle and records else None)
        if reason is None:
            if is_idle:
                break
            fault_point("1.polling")
            running.stop.wait(0.05)
            continue
        try:
            latest = turn(running, latest, reason)
        except trainer.TrainingAborted:
            log.info("round abandoned; its records will be read again at the next start")
            break
        outlook.answered()
        if on_round is not None:
            on_round(latest)
        rounds += 1
        check_progress(running.pipeline.store)
        if rounds == options.max_rounds:
            break


def turn(running: Running, parent: RoundFolder, reason: str) -> RoundFolder:
    """Cut the window and run one round on it."""
    pipeline = running.pipeline
    pipeline.board.update(step=2, note=reason)
    fault_point("2.before")
    window = running.intake.cut()
    fault_point("2.after")
    log.info("round %d begins: %s", parent.number + 1, reason)
    folder = run_round(pipeline, parent, window, reason, running.should_stop)
    finish_round(pipeline, running.committer, folder)
    prune(pipeline)
    tell_missing(pipeline)
    gc.collect()  # a round's datasets are cycles; left alone, they would pile up
    pipeline.board.update(step=1)
    return folder


def tell_missing(pipeline: Pipeline) -> None:
    """Show on the board how many offsets the broker had deleted before they were read."""
    pipeline.board.update(missing=sum(f.plan().missing for f in pipeline.store.complete()))


def prune(pipeline: Pipeline) -> None:
    """Remove weights of old rounds that no registered version needs."""
    keep = pipeline.config.service.keep_rounds
    if len(pipeline.store.complete()) > keep:
        needed = {version.round for version in pipeline.registry.versions()}
        if pipeline.store.prune(keep, needed):
            pipeline.past.prune(pipeline.store)


@contextmanager
def ticking(running: Running, interval_s: float = 0.25) -> Iterator[None]:
    """Keep the board's counters and the status file fresh while the body runs."""
    ended = threading.Event()
    board, intake = running.pipeline.board, running.intake

    def tick() -> None:
        while not ended.wait(interval_s):
            totals = intake.totals()
            board.count(totals.records, totals.bad, intake.pending()[0])
            board.update(lag=intake.lag(), unchecked=totals.unchecked)
            board.save()

    thread = threading.Thread(target=tick, name="millstream-board", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join()
