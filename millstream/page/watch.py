"""One reader for all viewers: it looks at the files a few times a second and tells what changed."""

from __future__ import annotations

import asyncio
import json
import logging
import secrets
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

from millstream.page.state_folder import StateFolder
from millstream.plain import finite

__all__ = ["Watch", "frame"]

log = logging.getLogger("millstream.page")

LOOK_EVERY_S = 0.25
COUNTERS_EVERY_S = 1.0
COUNTERS = {
    "records",
    "records_per_s",
    "lag",
    "pending",
    "bad",
    "unchecked",
    "dead_letters",
    "partitions",
    "updated_ms",
}
"""What changes all the time; everything else is told at once."""
MOST_FRAMES = 256


class Watch:
    """The state of some folders, and the frames of server-sent events that tell its changes.

    A frame is made once, whoever receives it. Viewers hold no queue: one that is slow skips the
    states in between, and one that has missed rounds is told to load them anew.

    Args:
        folders: state folders.
        ending: whether the server is about to end; then viewers are told, and let go.
    """

    def __init__(self, folders: Sequence[Path], ending: Callable[[], bool]) -> None:
        self.pipelines = [StateFolder(Path(folder)) for folder in folders]
        self.boot = secrets.token_hex(4)
        """Of this process, so that a viewer notices another one."""
        self.version = 0
        """Of what is known; each frame has one."""
        self.ended = False
        """Whether there will be no more frames."""
        self._ending = ending
        self._states: list[dict[str, Any]] = [{} for _ in folders]
        self._told: list[tuple[int, float, bytes]] = [(0, 0.0, b"") for _ in folders]
        self._rounds: deque[tuple[int, bytes]] = deque(maxlen=MOST_FRAMES)
        self._forgotten = 0
        self._changed = asyncio.Event()

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Look at the files while the body runs."""
        await self._look()
        task = asyncio.create_task(self._keep_looking())
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    def states(self) -> list[dict[str, Any]]:
        """The state of each pipeline."""
        return self._states

    async def change(self, timeout_s: float) -> None:
        """Wait for the next frame, not longer than that."""
        with suppress(TimeoutError):
            async with asyncio.timeout(timeout_s):
                await self._changed.wait()

    def since(self, version: int) -> bytes:
        """The frames that are newer than that version, as one piece; b"" if there are none."""
        states = [text for at, _, text in self._told if at > version]
        if version < self._forgotten:
            return b"".join([*states, frame("reload", {})])
        return b"".join([*states, *(text for at, text in self._rounds if at > version)])

    async def _keep_looking(self) -> None:
        fault = ""
        while not self.ended:
            await asyncio.sleep(LOOK_EVERY_S)
            last = self._ending()
            try:
                await self._look()
            except Exception as error:  # a fault of one look must not blind the page
                if repr(error) != fault:  # nor fill the disk, four times a second
                    log.exception("the state folders could not be looked at")
                fault = repr(error)
            else:
                fault = ""
            if last:
                self.ended = True
                self._wake()

    async def _look(self) -> None:
        looks = await asyncio.to_thread(lambda: [folder.look() for folder in self.pipelines])
        before = self.version
        for index, look in enumerate(looks):
            self._tell_state(index, {"pipeline": index, **look.state})
            for told in look.rounds:
                self._tell_round(frame("round", {"pipeline": index, **told}))
        if self.version != before:
            self._wake()

    def _wake(self) -> None:
        changed, self._changed = self._changed, asyncio.Event()
        changed.set()

    def _tell_state(self, index: int, state: dict[str, Any]) -> None:
        before, now = self._states[index], time.monotonic()
        self._states[index] = state
        if state == before:
            return
        since = now - self._told[index][1]
        if _steady(state) == _steady(before) and since < COUNTERS_EVERY_S:
            self._states[index] = before  # so that it is told with the next look
            return
        self.version += 1
        self._told[index] = (self.version, now, frame("state", state))

    def _tell_round(self, text: bytes) -> None:
        self.version += 1
        if len(self._rounds) == MOST_FRAMES:
            self._forgotten = self._rounds[0][0]
        self._rounds.append((self.version, text))


def frame(event: str, value: Any) -> bytes:
    """One server-sent event; JSON has no line breaks, so its data is one line."""
    return f"event: {event}\ndata: {json.dumps(finite(value), separators=(',', ':'))}\n\n".encode()


def _steady(state: dict[str, Any]) -> dict[str, Any]:
    live = {k: v for k, v in state.get("live", {}).items() if k not in COUNTERS}
    return {**state, "live": live}
