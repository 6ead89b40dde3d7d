"""The stream of server-sent events: how every viewer's page stays up to date."""

from __future__ import annotations

import asyncio

from starlette.types import Receive, Scope, Send

from millstream.page.watch import Watch, frame

__all__ = ["Events"]

HEARTBEAT_S = 5.0
"""Also how long a viewer that has gone away may stay unnoticed."""
PING = frame("ping", {})
START = {
    "type": "http.response.start",
    "status": 200,
    "headers": [
        (b"content-type", b"text/event-stream; charset=utf-8"),
        (b"cache-control", b"no-store"),
        (b"x-accel-buffering", b"no"),
    ],
}


class Events:
    """Answers with all states, and then with what changes, until the viewer goes away.

    Sending waits for a viewer that is slow; nothing is queued for it.

    Args:
        watch: knows what changes.
    """

    def __init__(self, watch: Watch) -> None:
        self._watch = watch

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        """Answer one viewer."""
        gone = asyncio.create_task(_until_gone(receive))
        try:
            await send(START)
            seen, watch = self._watch.version, self._watch
            told = frame("hello", {"boot": watch.boot, "states": watch.states()})
            while not (gone.done() or watch.ended):
                await send({"type": "http.response.body", "body": told, "more_body": True})
                if watch.version == seen and not watch.ended:  # else it changed while we sent
                    await watch.change(HEARTBEAT_S)
                told, seen = watch.since(seen) or PING, watch.version
            await send({"type": "http.response.body", "body": told + frame("bye", {})})
        finally:
            gone.cancel()


async def _until_gone(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
