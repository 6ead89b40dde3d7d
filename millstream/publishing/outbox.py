"""The outbox: rounds that wait for MLflow. Their folders are the queue.

A round that has its marker and no `published.json` waits. Whatever its publication needs is in its
folder, so it may wait through restarts for as long as it must; it is published after all rounds
before it, once. How many may wait is bounded (`registry.max_waiting`); which ones were given up is
written in them.
"""

from __future__ import annotations

import logging
import threading

from millstream.pipeline import Pipeline
from millstream.publishing.publish import publish_round
from millstream.publishing.tracking import track_rounds
from millstream.rounds.store import RoundFolder, RoundStore
from registry import StoreError, VersionNotFound

__all__ = ["deliver", "deliver_if_due", "rounds_that_wait", "tell_waiting"]

log = logging.getLogger("millstream")


def rounds_that_wait(store: RoundStore) -> list[RoundFolder]:
    """The rounds that happened and are not published, oldest first."""
    return still_waiting(store.complete())


def still_waiting(rounds: list[RoundFolder]) -> list[RoundFolder]:
    """Those of some rounds that are not published."""
    return [folder for folder in rounds if not folder.is_published]


def deliver(pipeline: Pipeline, most: int | None = None) -> None:
    """Publish the rounds that wait, in their order, as far as MLflow takes them.

    Never fails for MLflow's sake: what it does not take waits on. So does a round that the object
    store of the state does not have yet: no version is made that a lost disk would take back.

    Args:
        pipeline: the parts; the learner has the weights of the last round afterwards.
        most: how many at once; None for all.
    """
    import trainer

    pipeline.mirror.save()
    waiting, known = rounds_that_wait(pipeline.store), pipeline.board.snapshot().waiting
    if pipeline.reach.is_due:
        for place, folder in enumerate(waiting[:most]):
            is_kept = pipeline.mirror.holds(folder) and pipeline.mirror.is_ours()
            if not (is_kept and taken(pipeline, folder, is_late=place < known)):
                break
        if len(waiting) > 1:
            latest = waiting[-1]
            trainer.load(pipeline.learner.model, latest.weights)
    give_up(pipeline, [f for f in still_waiting(waiting) if pipeline.mirror.holds(f)])
    waiting = still_waiting(waiting)
    if not waiting:
        track_rounds(pipeline)
    pipeline.mirror.save()
    why = pipeline.mirror.why or pipeline.reach.why
    pipeline.board.update(waiting=len(waiting), waiting_why=why if waiting else "")


def deliver_if_due(pipeline: Pipeline) -> None:
    """Publish a round that waits if MLflow was left alone for long enough; called while idle."""
    is_due = pipeline.reach.is_due and pipeline.mirror.is_due
    if pipeline.is_chief and pipeline.board.snapshot().waiting and is_due:
        deliver(pipeline, most=1)


def tell_waiting(pipeline: Pipeline, stop: threading.Event) -> None:
    """The end of the service: publish what waits unless `stop` is set, and say what does not."""
    if not (pipeline.is_chief and rounds_that_wait(pipeline.store)):
        return
    if not stop.is_set():
        deliver(pipeline)
    if waiting := len(rounds_that_wait(pipeline.store)):
        log.warning("%d rounds wait to be published; the next start goes on with them", waiting)


def taken(pipeline: Pipeline, folder: RoundFolder, *, is_late: bool) -> bool:
    """Whether MLflow took a round."""
    try:
        publish_round(pipeline, folder)
    except (StoreError, VersionNotFound) as error:
        pipeline.reach.failed(error)
        return False
    if is_late:
        told = folder.published() or {}
        made = f"version {told['version']}" if told.get("version") else "no version"
        log.info("round %d has waited and is published: %s", folder.number, made)
    return True


def give_up(pipeline: Pipeline, waiting: list[RoundFolder]) -> None:
    """Write down in the oldest rounds that they are not published, if more wait than may."""
    most = pipeline.config.registry.max_waiting
    for folder in waiting[: max(0, len(waiting) - most)]:
        reason = f"not published: MLflow did not take it, and {most} later rounds wait"
        log.error("round %d is %s (registry.max_waiting)", folder.number, reason)
        folder.write_published(
            {"version": None, "promoted": False, "reason": f"{reason}; {pipeline.reach.why}"}
        )
