"""The state folder, and the mirror that a configuration asks for, opened at a service's start."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from ingest import Workers
from millstream.config.config import Config
from millstream.page.settings_file import write_settings
from millstream.remote.lease import holding
from millstream.remote.mirror import Here, Mirror, StoreMirror
from millstream.remote.objects import ObjectStore
from millstream.remote.restore import list_state, restore
from millstream.state_lock import state_lock
from millstream.watch.board import Board
from millstream.workers.together import from_chief

__all__ = ["bring_rounds", "open_state"]

log = logging.getLogger("millstream")


@contextmanager
def open_state(
    config: Config, board: Board, workers: Workers, stop: threading.Event
) -> Iterator[Mirror | None]:
    """Hold the state folder, up to date, and keep its mirror while the body runs.

    All workers call it, before anything reads the folder. None for all of them if `stop` was set
    while another service might still have had the address.

    Raises:
        BusyError: another service holds the folder or the address.
        ConfigError: the client of the store is not installed.
        ObjectStoreError: the store does not answer, or refuses.
        RoundStoreError: folder and store hold different states, or an object is damaged.
    """
    mirror: Mirror | None = Here()
    with ExitStack() as stack:
        if workers.rank == 0:
            stack.enter_context(state_lock(config.state_dir))
            if config.remote is not None:
                board.update(note=f"bringing rounds from {config.remote}")
                board.save()
            mirror = stack.enter_context(open_mirror(config, stop))
            write_settings(config)
            board.save()
        if config.remote is not None and not from_chief(mirror is not None, workers):
            mirror = None
        yield mirror


@contextmanager
def open_mirror(config: Config, stop: threading.Event) -> Iterator[Mirror | None]:
    """Bring the local folder up to date from the store, and keep the store so."""
    if config.remote is None:
        yield Here()
        return
    objects, section = ObjectStore(config.remote), config.service
    with holding(objects, config.state_dir, section.lease_seconds, stop) as lease:
        if lease is None:
            yield None
            return
        mirror = StoreMirror(objects, lease, config.state_dir, section.max_unsaved_rounds)
        yield mirror
        mirror.save()
        if mirror.why:
            log.warning(
                "the newest rounds are in %s only; the next start on it brings them to the store",
                config.state_dir,
            )


def bring_rounds(config: Config) -> None:
    """Bring the local folder up to date for somebody who only reads, beside any service.

    Raises:
        ConfigError: as `open_state`, like the others.
    """
    if config.remote is not None:
        objects = ObjectStore(config.remote)
        restore(objects, list_state(objects), config.state_dir)
