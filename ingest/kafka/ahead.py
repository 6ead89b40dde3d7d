"""Fetches that are decoded in threads before they are asked for."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Protocol

from ingest.records import RecordBatch

__all__ = ["AheadReader", "DecodePool", "Reader"]

# Decompressing and decoding do without Python's lock. What lies ready is bounded by `PIECES` of
# each fetch that was started.
THREADS, PIECES = 2, 3


class Reader(Protocol):
    """Gives records of one partition, in order."""

    @property
    def position(self) -> int:
        """The next offset to read."""

    @property
    def ended(self) -> bool:
        """Whether there is nothing left."""

    def read(self, most: int, /) -> RecordBatch | None:
        """The next records, about `most` of them, if there are any."""


@dataclass(frozen=True)
class _Piece:
    """What a read gave, and the position and whether there is more after it."""

    batch: RecordBatch | None
    error: Exception | None
    position: int
    ended: bool


class DecodePool:
    """Threads that read ahead; there are none until they are needed."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(THREADS, "millstream-decode")

    def submit(self, task: Callable[[], None]) -> None:
        """Have a task done."""
        self._threads.submit(task)

    def close(self) -> None:
        """Wait until the threads have ended."""
        self._threads.shutdown(cancel_futures=True)


class AheadReader:
    """Reads ahead of who reads it: the same records, position and errors, at the same places.

    Args:
        reader: nobody else's.
        pool: where to read.
        most: records to ask for at a time.

    Attributes:
        position: the offset behind what was given.
        ended: whether everything was given.
    """

    def __init__(self, reader: Reader, pool: DecodePool, most: int) -> None:
        self.position = reader.position
        self.ended = reader.ended
        self._reader = reader
        self._pool = pool
        self._most = most
        self._changed = threading.Condition()
        self._ready: deque[_Piece] = deque()
        self._busy = False
        self._over = self.ended

    def start(self) -> None:
        """Begin to read, up to a few pieces."""
        with self._changed:
            if self._busy or self._over or len(self._ready) >= PIECES:
                return
            self._busy = True
        self._pool.submit(self._work)

    def drop(self) -> None:
        """Read no more: nobody will ask for it."""
        with self._changed:
            self._over = True

    def read(self, _most: int, /) -> RecordBatch | None:
        """The next records; how many was told beforehand."""
        self.start()
        with self._changed:
            while not self._ready:
                self._changed.wait()
            piece = self._ready.popleft()
            if piece.error is not None:
                self._over = False  # to fail again
        if piece.error is not None:
            raise piece.error
        self.position, self.ended = piece.position, piece.ended
        self.start()
        return piece.batch

    def _work(self) -> None:
        goes_on = True
        while goes_on:
            piece = self._piece()
            with self._changed:
                self._ready.append(piece)
                self._over |= piece.ended or piece.error is not None
                goes_on = self._busy = not self._over and len(self._ready) < PIECES
                self._changed.notify()

    def _piece(self) -> _Piece:
        batch, error = None, None
        try:
            batch = self._reader.read(self._most)
        except Exception as failure:  # noqa: BLE001 - it is raised where the records are asked for
            error = failure
        return _Piece(batch, error, self._reader.position, self._reader.ended)
