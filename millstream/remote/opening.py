"""The mirror that a configuration asks for, opened at the start of a service."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from millstream.config import Config
from millstream.remote.lease import holding
from millstream.remote.mirror import Here, Mirror, StoreMirror
from millstream.remote.objects import ObjectStore

__all__ = ["open_mirror"]

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
