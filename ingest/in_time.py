"""A bound on calls that have none of their own."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future
from threading import Thread
from typing import TypeVar

__all__ = ["in_time"]

T = TypeVar("T")


def in_time(call: Callable[[], T], seconds: float) -> T:
    """What a call gives, made in a thread of its own, which is left behind if it takes too long.

    Raises:
        TimeoutError: it took longer than so many seconds.
        BaseException: what the call raised.
    """
    done: Future[T] = Future()

    def run() -> None:
        try:
            done.set_result(call())
        except BaseException as error:  # noqa: BLE001 - raised again where it is waited for
            done.set_exception(error)

    Thread(target=run, name="millstream-call", daemon=True).start()
    return done.result(seconds)
