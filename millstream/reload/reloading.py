"""A running service reads its settings again, between two rounds, on all workers at once."""

from __future__ import annotations

import json
import logging
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from ingest import IngestError, Workers
from millstream.config.config import Config
from millstream.errors import MillstreamError
from millstream.opening import Running, record_limits
from millstream.page.settings_file import write_settings
from millstream.pipeline import Pipeline, keep_recipe
from millstream.reload.journal import FILE, note_reload
from millstream.reload.reload import Reload, read_again, recipe_with
from millstream.request import RELOAD, Requests
from millstream.triggers import make_trigger
from millstream.workers.told_alike import settings_digest

__all__ = ["agree_on_reload", "is_reload_asked", "reload_settings"]

log = logging.getLogger("millstream")


def is_reload_asked(pipeline: Pipeline) -> bool:
    """Whether somebody asks for it; the first worker looks for all."""
    return pipeline.is_chief and Requests(pipeline.config.state_dir, RELOAD).is_open()


def reload_settings(running: Running) -> bool:
    """Take over what reloads of the file; all workers call it between the same two rounds.

    A file that does not load changes nothing: why is told, and the service goes on.

    Returns:
        Whether settings in force are others now.
    """
    pipeline = running.pipeline
    requests = Requests(pipeline.config.state_dir, RELOAD)
    requests.is_open()  # what is asked from here on is another request
    reload = agree_on_reload(pipeline.config, pipeline.workers)
    if reload.applied:
        apply(running, reload.config)
    if pipeline.is_chief:
        tell(running.pipeline, reload)
        requests.answer()
    return bool(reload.applied)


def agree_on_reload(config: Config, workers: Workers) -> Reload:
    """What all workers take over, or why none does; all of them call it, and decide alike.

    Each reads its own file. Addresses and folders may have other names in each, all else is the
    same or nothing is taken over.
    """
    import trainer

    own, told = Reload(config, {}), {}
    try:
        own, found = read_again(config)
        make_trigger(own.config.trigger)
        told = {"digest": settings_digest(found)}
    except (MillstreamError, IngestError, trainer.TrainerError) as error:
        told = {"why": str(error) or type(error).__name__}
    heard = [json.loads(data) for data in workers.gather(json.dumps(told).encode())]
    why = why_not(heard)
    return Reload(config, {}, refused=why) if why else own


def why_not(heard: Sequence[dict[str, Any]]) -> str:
    """Why none of the workers may take over what they have read; empty if all may."""
    for rank, told in enumerate(heard):
        if "why" in told:
            return str(told["why"]) if len(heard) == 1 else f"worker {rank}: {told['why']}"
    for rank, told in enumerate(heard):
        if told["digest"] != heard[0]["digest"]:
            return (
                f"worker {rank} reads other settings than worker 0; give all workers the same"
                " file, then ask again"
            )
    return ""


def apply(running: Running, config: Config) -> None:
    """Put settings in force that are safe to change; everything else is the same."""
    before = running.pipeline
    running.pipeline = pipeline = replace(
        before,
        config=config,
        gate=replace(before.gate, min_rows=config.registry.min_rows),
        recipe=recipe_with(before.recipe, config.history),
    )
    if config.trigger != before.config.trigger:
        running.intake.limit(*record_limits(config, pipeline.workers.size))
    if config.service.log_level != before.config.service.log_level:
        log.setLevel(config.service.log_level.upper())
    if pipeline.is_chief and pipeline.recipe != before.recipe:
        keep_recipe(pipeline)


def tell(pipeline: Pipeline, reload: Reload) -> None:
    """In the log, on the board, on the page and in the journal."""
    lines = reload.tell()
    level = logging.WARNING if reload.refused or reload.held else logging.INFO
    for line in lines:
        log.log(level, "%s", line)
    pipeline.board.update(note="; ".join(lines))
    try:
        if reload.applied:
            write_settings(reload.config)
        if reload.applied or reload.held or reload.refused:
            note_reload(pipeline.config.state_dir, reload)
    except OSError as error:  # what is in force does not depend on it
        log.warning("the reload is not in %s: %s", FILE, error)
