"""What a viewer with the token may do: begin a round, pause, resume, reload, roll back.

Each is what a command does as well: a file for the service, or `millstream rollback` itself.
"""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Annotated, Any

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millstream.errors import MillstreamError
from millstream.page.queries import answer
from millstream.page.state_folder import StateFolder
from millstream.page.token import is_token
from millstream.page.watch import Watch
from millstream.pause import pause, resume
from millstream.request import RELOAD, ask

__all__ = ["Actions", "Asked"]

MOST_BYTES = 10_000
ROLL_BACK_S = 180.0


class Asked(msgspec.Struct, forbid_unknown_fields=True):
    """The body of an action.

    Attributes:
        pipeline: which one, by its place.
        version: to roll back to.
        reason: why, for the journal.
    """

    pipeline: Annotated[int, msgspec.Meta(ge=0)] = 0
    version: Annotated[int, msgspec.Meta(ge=1)] | None = None
    reason: Annotated[str, msgspec.Meta(max_length=500, pattern=r"^[^\x00]*\Z")] = ""


class RefusedActionError(Exception):
    """An action that is not carried out, with the status to answer."""

    def __init__(self, status: int, why: str) -> None:
        super().__init__(why)
        self.status = status


class Actions:
    """The part of the page's interface that changes something; all of it needs the token.

    Args:
        watch: knows the folders.
        configs: the configuration file of each of them, or none.
        token: what must be shown; None refuses all.
    """

    def __init__(self, watch: Watch, configs: Sequence[Path], token: str | None) -> None:
        self._watch, self._configs, self._token = watch, configs, token
        self._one_at_a_time = asyncio.Lock()

    def routes(self) -> list[Route]:
        """Where it is found."""
        acts = {
            "check": self._check,
            "trigger": self._trigger,
            "pause": self._pause,
            "resume": self._resume,
            "reload": self._reload,
            "rollback": self._roll_back,
        }
        return [
            Route(f"/api/actions/{name}", self._guarded(act), methods=["POST"])
            for name, act in acts.items()
        ]

    def _guarded(
        self, act: Callable[[Asked], Awaitable[str]]
    ) -> Callable[[Request], Awaitable[Response]]:
        async def endpoint(request: Request) -> Response:
            try:
                self._admit(request)
                told = await act(await self._asked(request))
            except RefusedActionError as refused:
                return answer({"error": str(refused)}, refused.status)
            except MillstreamError as error:
                return answer({"error": str(error)}, 409)
            return answer({"told": told})

        return endpoint

    def _admit(self, request: Request) -> None:
        if self._token is None:
            raise RefusedActionError(403, "this page only reads")
        if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
            raise RefusedActionError(415, "expected Content-Type application/json")
        if request.headers.get("sec-fetch-site", "same-origin") not in {"same-origin", "none"}:
            raise RefusedActionError(403, "the page answers no requests from other pages")
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not is_token(given.strip(), self._token):
            raise RefusedActionError(401, "this is not the token")

    async def _asked(self, request: Request) -> Asked:
        body = b""
        async for chunk in request.stream():
            body += chunk
            if len(body) > MOST_BYTES:
                raise RefusedActionError(413, "the request is too large")
        try:
            asked = msgspec.json.decode(body or b"{}", type=Asked)
        except (msgspec.MsgspecError, ValueError) as error:
            raise RefusedActionError(400, str(error)) from error
        if asked.pipeline >= len(self._watch.pipelines):
            raise RefusedActionError(404, f"there is no pipeline {asked.pipeline}")
        return asked

    def _folder(self, asked: Asked) -> StateFolder:
        return self._watch.pipelines[asked.pipeline]

    def _running(self, asked: Asked, would: str) -> dict[str, Any]:
        """The state of a pipeline whose service runs, as somebody has to do what is asked."""
        state = self._watch.states()[asked.pipeline]
        if state["level"] in {"idle", "bad"}:
            raise RefusedActionError(409, f"no service is running here, so nobody would {would}")
        return state

    async def _check(self, _: Asked) -> str:
        return "the token is right"

    async def _trigger(self, asked: Asked) -> str:
        state = self._running(asked, "begin a round")
        await asyncio.to_thread(ask, self._folder(asked).path)
        if state["paused"]:
            return "asked for a round; it begins once the service is resumed"
        if state["live"]["pending"]:
            return "asked for a round; it begins now, or after the one in progress"
        return "asked for a round; no record waits, so it begins with the first that comes"

    async def _pause(self, asked: Asked) -> str:
        await asyncio.to_thread(pause, self._folder(asked).path)
        return "paused: no round begins until it is resumed; records are read on"

    async def _resume(self, asked: Asked) -> str:
        await asyncio.to_thread(resume, self._folder(asked).path)
        return "resumed: the next round begins when its trigger says so"

    async def _reload(self, asked: Asked) -> str:
        self._running(asked, "read its settings again")
        await asyncio.to_thread(ask, self._folder(asked).path, RELOAD)
        return "asked to read the settings again, before the next round; what came of it is below"

    async def _roll_back(self, asked: Asked) -> str:
        if asked.version is None:
            raise RefusedActionError(400, "expected the version to roll back to")
        if asked.pipeline >= len(self._configs):
            raise RefusedActionError(
                409, "the page knows no configuration; use `millstream rollback`"
            )
        config = self._configs[asked.pipeline]
        reason = asked.reason.strip() or "by hand, from the page"
        arguments = ["--config", str(config), "--to", str(asked.version), f"--reason={reason}"]
        async with self._one_at_a_time:
            return await _command("rollback", *arguments)


async def _command(*arguments: str) -> str:
    """What a command of millstream prints, in a process of its own: it needs MLflow, we do not."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-P", "-m", "millstream", *arguments),
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(ROLL_BACK_S):
            out, err = await process.communicate()
    except TimeoutError as error:
        process.kill()
        raise RefusedActionError(504, f"MLflow did not do it within {ROLL_BACK_S:.0f} s") from error
    if process.returncode:
        lines = err.decode("utf-8", "replace").strip().splitlines() or ["the command failed"]
        raise RefusedActionError(409, lines[-1].removeprefix("error:").strip())
    return " ".join(out.decode("utf-8", "replace").split())
