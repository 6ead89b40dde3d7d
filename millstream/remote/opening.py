"""The mirror that a configuration asks for, opened at the start of a service."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from millstream.config import Config
from millstream.remote.lease import holding
from millstream.remote.mirror import Here, Mirror, StoreMirror
from millstream.remote.objects import ObjectStore
from millstream.remote.restore import list_state, restore

__all__ = ["bring_rounds", "open_mirror"]

log = logging.getLogger("millstream")


@contextmanager
def open_mirror(config: Config) -> Iterator[Mirror]:
    """Bring the local folder up to date, and keep the store so while the body runs.

    The first worker calls it, once it holds the local folder and before anything reads that.

    Raises:
        ConfigError: the client of the store is not installed.
        ObjectStoreError: the store does not answer, or refuses.
        BusyError: another service holds the address.
        RoundStoreError: folder and store hold different states, or an object is damaged.
    """
    if config.remote is None:
        yield Here()
        return
    objects, section = ObjectStore(config.remote), config.service
    with holding(objects, config.state_dir, section.lease_seconds) as lease:
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
        ConfigError: as `open_mirror`, like the others.
    """
    if config.remote is not None:
        objects = ObjectStore(config.remote)
        restore(objects, list_state(objects), config.state_dir)
