"""Reading ahead in a thread that always ends."""

from __future__ import annotations

import queue
import threading
import weakref
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

__all__ = ["ReadAhead", "StoppedError"]

T = TypeVar("T")
PUT_S = 0.1
JOIN_S = 30.0


class StoppedError(Exception):
    """Ends the work of a thread whose items nobody wants any more."""


class _Channel(Generic[T]):
    """What the thread and its reader share; knows neither, so that each can be forgotten."""

    def __init__(self, depth: int) -> None:
        self.items: queue.Queue[T] = queue.Queue(depth)
        self.unwanted = threading.Event()
        self.ended = threading.Event()
        self.failure: BaseException | None = None

    def check(self) -> None:
        """Raise StoppedError when the reader is gone."""
        if self.unwanted.is_set():
            raise StoppedError

    def put(self, item: T) -> None:
        """Hand an item over as soon as there is room."""
        while True:
            self.check()
            try:
                return self.items.put(item, timeout=PUT_S)
            except queue.Full:
                continue


class ReadAhead(Generic[T]):
    """Items of an iterator that a thread of its own runs, up to `depth` ahead.

    Guarantee: the thread ends when the items end, when they fail, on `close`, when this object is
    forgotten, and when the interpreter ends; the iterator is then closed in the thread.

    Args:
        make: makes the iterator, in the thread; its argument raises StoppedError when the items
            are wanted no more, and is to be called before anything that may wait.
        depth: items that may wait.
    """

    def __init__(self, make: Callable[[Callable[[], None]], Iterator[T]], depth: int) -> None:
        self._channel: _Channel[T] = _Channel(depth)
        arguments = (make, self._channel)
        self._thread = threading.Thread(
            target=_work, args=arguments, name="millstream-read-ahead", daemon=True
        )
        self._end = weakref.finalize(self, _close, self._channel, self._thread)
        self._thread.start()

    def items(self, beat_s: float) -> Iterator[T | None]:
        """The items in their order; None each time that none came for `beat_s`.

        Raises:
            BaseException: what the iterator failed with, behind the items before.
        """
        channel = self._channel
        while True:
            try:
                yield channel.items.get(timeout=0 if channel.ended.is_set() else beat_s)
            except queue.Empty:
                if channel.ended.is_set() and channel.items.empty():
                    break
                yield None
        if channel.failure is not None:
            raise channel.failure

    def close(self) -> None:
        """End the thread and wait for it; harmless when repeated."""
        self._end()


def _work(make: Callable[[Callable[[], None]], Iterator[T]], channel: _Channel[T]) -> None:
    items: Iterator[T] | None = None
    try:
        items = make(channel.check)
        for item in items:
            channel.put(item)
    except StoppedError:
        pass
    except BaseException as error:  # noqa: BLE001 - told to the reader
        channel.failure = error
    finally:
        close = getattr(items, "close", None)
        if close is not None:
            close()
        channel.ended.set()


def _close(channel: _Channel[T], thread: threading.Thread) -> None:
    channel.unwanted.set()
    if thread is not threading.current_thread():
        thread.join(JOIN_S)
