"""The service: ingest in the background, a round when the trigger says so, until told to stop."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING

from ingest import agree_on_window
from ingest.redaction import public_uri
from millstream.config.config import Config
from millstream.every import every
from millstream.fault import fault_point
from millstream.garbage import tidy_up
from millstream.head_start import head_start
from millstream.local import open_broker, open_registry
from millstream.opening import Running, Untrained, open_parts, tell_missing
from millstream.outlook import Outlook
from millstream.pause import is_paused
from millstream.pipeline import open_pipeline
from millstream.publishing.outbox import deliver_if_due, tell_waiting
from millstream.publishing.pruning import prune
from millstream.reload.reloading import is_reload_asked, reload_settings
from millstream.remote.opening import open_state
from millstream.round import finish_round, run_round
from millstream.rounds.endings import Idleness, Silence, check_progress
from millstream.rounds.store import RoundFolder
from millstream.triggers import make_trigger
from millstream.watch.board import Board
from millstream.watch.fresh import FRESH_S, keep_fresh
from millstream.watch.seconds import Seconds
from millstream.watch.tracing import open_traces
from millstream.workers.beat import is_up
from millstream.workers.failed_round import forget_failed
from millstream.workers.place import Place, beat_of, open_place
from millstream.workers.signals import Signals, agree_on_signals, others_of, signals_of
from millstream.workers.together import from_chief, wait_for_all
from millstream.workers.told_alike import check_told_alike

if TYPE_CHECKING:
    from trainer import Trigger

__all__ = ["RunOptions", "run_service"]

log = logging.getLogger("millstream")


@dataclass(frozen=True)
class RunOptions:
    """When `run_service` ends by itself; by default it does not.

    Attributes:
        stop_when_idle_s: end after a last round once no record came for so many seconds.
        max_rounds: end after so many rounds of this process.
        last_round: end after the round of this number; the first worker's counts. It is how
            workers that begin again know what is left of `max_rounds`.
    """

    stop_when_idle_s: float | None = None
    max_rounds: int | None = None
    last_round: int | None = None


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
        board.update(note="loading TensorFlow and the model", model=config.registry.name)
        place = open_place(config)
        check_told_alike(config, repr(replace(options, last_round=None)), place.workers)
        mirror = stack.enter_context(open_state(config, board, place.workers, stop))
        if mirror is None:
            part_together(place)
            return
        tracking_uri = open_registry(config)
        pipeline = replace(open_pipeline(config, tracking_uri, board, place), mirror=mirror)
        board.update(note="reaching Kafka", registry=public_uri(tracking_uri))
        board.save()
        servers = stack.enter_context(open_broker(config))
        board.update(kafka=servers)
        with open_parts(pipeline, servers, stop) as running:
            if pipeline.is_chief:
                running.traces = stack.enter_context(open_traces(config))
            board.update(phase="running", step=1, note="")
            is_up(beat_of(config, place.workers.rank))
            with every(FRESH_S, partial(keep_fresh, running), "millstream-board"):
                loop(running, options, on_round)
                tell_waiting(running.pipeline, stop)
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
    latest, last = running.latest, last_round(running, options)
    if running.untrained is not None:
        latest = record_untrained(running, latest, running.untrained)
        tell(running, latest, on_round)
    if last is None or latest.number < last:
        only_one = last is not None and last - latest.number == 1
        head_start(running.pipeline, latest, running.stop, only_one=only_one)
        running.seconds = Seconds()
    while last is None or latest.number < last:
        running.intake.check()
        now = agree(running, outlook, latest)
        if now.stop:
            break
        if now.reload and reload_settings(running):
            trigger = make_trigger(running.pipeline.config.trigger)
            outlook = Outlook(running.pipeline, running.intake)
            continue
        silence.check(now.lag, now.now)
        is_idle = idle.reached(now.records, now.lag, now.now)
        if (reason := reason_for_round(trigger, now, is_idle)) is None:
            if is_idle:
                break
            wait_a_moment(running)
            continue
        try:
            latest = turn(running, latest, reason)
        except trainer.TrainingAborted:
            log.info("round abandoned; its records will be read again at the next start")
            break
        outlook.answered()
        tell(running, latest, on_round)


def agree(running: Running, outlook: Outlook, latest: RoundFolder) -> Signals:
    """What all workers know and want together; all of them call it, and get the same."""
    pipeline = running.pipeline
    # Asked first: what fills the window is among the records that are counted after it.
    full = running.intake.is_full()
    waiting = outlook.waiting(latest)
    # One looks for all, as what one finds paused all must.
    is_held = is_paused(pipeline.config.state_dir) or pipeline.mirror.is_full
    paused = pipeline.is_chief and is_held
    own = signals_of(running.intake, waiting, full, stop=running.stop.is_set(), paused=paused)
    own = replace(own, partitions=running.flow.news(), reload=is_reload_asked(pipeline))
    now = agree_on_signals(own, pipeline.workers)
    running.readings.hear(others_of(own, now))
    running.spent = (running.spent[0] if running.spent else now.seconds, now.seconds)
    return now


def reason_for_round(trigger: Trigger, now: Signals, is_idle: bool) -> str | None:
    """Why a round begins now; None if none does. While it is paused none does, for any reason."""
    if now.paused:
        return None
    records = now.waiting.records
    full = f"{records} records, no more fit" if now.full else None
    return trigger.due(now.waiting) or full or ("idle" if is_idle and records else None)


def last_round(running: Running, options: RunOptions) -> int | None:
    """The number of the round to end with, the same for all workers; None to go on for ever."""
    last = options.last_round
    if last is None and options.max_rounds is not None:
        last = running.latest.number + options.max_rounds
    told: int | None = from_chief(last, running.pipeline.workers)
    return told


def tell(
    running: Running, folder: RoundFolder, on_round: Callable[[RoundFolder], None] | None
) -> None:
    """Tell of a round, and end the service if no round can be trained any more.

    Raises:
        NoProgressError: none can.
    """
    if on_round is not None:
        on_round(folder)
    check_progress(running.pipeline.store)


def record_untrained(running: Running, parent: RoundFolder, untrained: Untrained) -> RoundFolder:
    """Run the round that failed before this start, without training it."""
    failed = untrained.failed
    folder = turn(running, parent, failed.plan.reason, untrained)
    if running.pipeline.is_chief:
        forget_failed(running.pipeline.config)
    return folder


def turn(
    running: Running, parent: RoundFolder, reason: str, untrained: Untrained | None = None
) -> RoundFolder:
    """Cut the window and run one round on it; or on one that was read again, without training."""
    pipeline = running.pipeline
    pipeline.board.update(step=2, note=reason)
    fault_point("2.before")
    seconds = running.seconds
    seconds.until_now("wait")
    seconds.divide("wait", running.waited_for())
    with seconds.part("cut"):
        window = running.intake.cut() if untrained is None else untrained.window
        if pipeline.shared is not None:
            window = agree_on_window(window, pipeline.sampling, pipeline.schema, pipeline.shared)
    fault_point("2.after")
    log.info("round %d begins: %s", parent.number + 1, reason)
    why = None if untrained is None else untrained.failed.why
    folder = run_round(pipeline, parent, window, reason, running.should_stop, seconds, why)
    with seconds.part("finish"):
        finish_round(pipeline, running.committer, folder)
    running.traces.tell(folder, seconds.read())
    prune(pipeline)
    tell_missing(pipeline)
    tidy_up()
    pipeline.board.update(step=1)
    running.seconds, running.spent = Seconds(), None
    return folder


def wait_a_moment(running: Running) -> None:
    """Let records come; the time is good for a round that waits to be published."""
    fault_point("1.polling")
    deliver_if_due(running.pipeline)
    running.stop.wait(0.05)
