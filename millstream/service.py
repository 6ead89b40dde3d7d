"""The service: ingest in the background, a round when the trigger says so, until told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from functools import partial

from ingest import agree_on_window
from ingest.redaction import public_uri
from millstream.board import Board
from millstream.config import Config
from millstream.endings import Idleness, Silence, check_progress
from millstream.every import every
from millstream.fault import fault_point
from millstream.garbage import collect_cycles
from millstream.local import open_broker, open_registry
from millstream.opening import Running, open_parts, tell_missing
from millstream.outlook import Outlook
from millstream.pipeline import Pipeline, open_pipeline
from millstream.round import finish_round, run_round
from millstream.round_store import RoundFolder
from millstream.seconds import Seconds
from millstream.state_lock import state_lock
from millstream.triggers import make_trigger
from millstream.workers.place import Place, open_place
from millstream.workers.signals import agree_on_signals, signals_of
from millstream.workers.together import wait_for_all
from millstream.workers.told_alike import check_told_alike

__all__ = ["RunOptions", "run_service"]

log = logging.getLogger("millstream")

FRESH_S = 0.25


@dataclass(frozen=True)
class RunOptions:
    """When `run_service` ends by itself; by default it does not.

    Attributes:
        stop_when_idle_s: end after a last round once no record came for so many seconds.
        max_rounds: end after so many rounds of this process.
    """

    stop_when_idle_s: float | None = None
    max_rounds: int | None = None


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
        stack.enter_context(telling_the_end(board))
        board.update(note="loading TensorFlow and the model")
        place = open_place(config)
        check_told_alike(config, repr(options), place.workers)
        if place.workers.rank == 0:
            stack.enter_context(state_lock(config.state_dir))
        tracking_uri = open_registry(config)
        pipeline = open_pipeline(config, tracking_uri, board, place)
        board.update(note="reaching Kafka", registry=public_uri(tracking_uri))
        servers = stack.enter_context(open_broker(config))
        board.update(kafka=servers)
        with open_parts(pipeline, servers, stop) as running:
            board.update(phase="running", step=1, note="")
            with every(FRESH_S, partial(keep_fresh, running), "millstream-board"):
                loop(running, options, on_round)
            keep_fresh(running)
        part_together(place)


def part_together(place: Place) -> None:
    """Stay until all are done: TensorFlow counts one that leaves early as lost."""
    import trainer

    with suppress(trainer.PeerLost):  # nothing is left to be done with it
        wait_for_all(place.workers)


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
    while True:
        running.intake.check()
        own = signals_of(running.intake, outlook.waiting(latest), stop=running.stop.is_set())
        now = agree_on_signals(own, running.pipeline.workers)
        running.others.learn(own, now)
        if now.stop:
            break
        silence.check(now.lag, now.now)
        records = now.waiting.records
        is_idle = idle.reached(now.records, now.lag, now.now)
        full = f"{records} records, no more fit" if now.full else None
        reason = trigger.due(now.waiting) or full or ("idle" if is_idle and records else None)
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
    seconds = running.seconds
    seconds.until_now("wait")
    with seconds.part("cut"):
        window = running.intake.cut()
        if pipeline.shared is not None:
            window = agree_on_window(window, pipeline.sampling, pipeline.schema, pipeline.shared)
    fault_point("2.after")
    log.info("round %d begins: %s", parent.number + 1, reason)
    folder = run_round(pipeline, parent, window, reason, running.should_stop, seconds)
    finish_round(pipeline, running.committer, folder)
    prune(pipeline)
    tell_missing(pipeline)
    collect_cycles()
    pipeline.board.update(step=1)
    running.seconds = Seconds()
    return folder


def prune(pipeline: Pipeline) -> None:
    """Remove weights of old rounds that no registered version needs."""
    if not pipeline.is_chief:
        return
    keep = pipeline.config.service.keep_rounds
    if len(pipeline.store.complete()) > keep:
        needed = {version.round for version in pipeline.registry.versions()}
        if pipeline.store.prune(keep, needed):
            pipeline.past.prune(pipeline.store)


def keep_fresh(running: Running) -> None:
    """Bring the board's counters and the status file up to date."""
    board, totals, others = running.pipeline.board, running.intake.totals(), running.others
    pending = others.pending + running.intake.pending()[0]
    board.count(others.records + totals.records, others.bad + totals.bad, pending)
    lag, unchecked = running.intake.lag(), others.unchecked + totals.unchecked
    board.update(lag=None if lag is None else lag + others.lag, unchecked=unchecked)
    board.save()
