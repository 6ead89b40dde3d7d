"""What the page asks for beside its stream of events: plain JSON, for programs, too."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millstream.page.state_folder import MOST_ROUNDS, StateFolder
from millstream.page.told_round import UNREADABLE
from millstream.page.watch import Watch
from millstream.plain import finite

__all__ = ["Queries"]


class Queries:
    """The read-only part of the page's interface.

    Args:
        watch: knows what is asked for.
        token_file: where the token of actions is kept; None if the page takes none.
    """

    def __init__(self, watch: Watch, token_file: Path | None) -> None:
        self._watch, self._token_file = watch, token_file

    def routes(self) -> list[Route]:
        """Where it is found; `?pipeline=N` chooses among several."""
        return [
            Route("/api/state", self.state, methods=["GET"]),
            Route("/api/recent", self.recent, methods=["GET"]),
            Route("/api/rounds", self.rounds, methods=["GET"]),
            Route("/api/rounds/{number:int}", self.round, methods=["GET"]),
            Route("/api/config", self.config, methods=["GET"]),
        ]

    async def state(self, _: Request) -> Response:
        """What each service does now."""
        names = await asyncio.to_thread(_names, self._watch.pipelines)
        told = {"boot": self._watch.boot, "states": self._watch.states(), "names": names}
        can_act = self._token_file is not None
        return answer({**told, "can_act": can_act, "token_file": str(self._token_file or "")})

    async def recent(self, request: Request) -> Response:
        """Throughput and lag of the last quarter of an hour: columns, milliseconds first."""
        rows = list(self._folder(request).samples)
        return answer({"columns": [list(column) for column in zip(*rows, strict=True)]})

    async def rounds(self, request: Request) -> Response:
        """The newest rounds, oldest first; `?before=N` for those before."""
        folder = self._folder(request)
        if (before := _number(request, "before")) is not None:
            found = await asyncio.to_thread(folder.older, before, MOST_ROUNDS)
        else:
            found = [folder.rounds[number] for number in sorted(folder.rounds)]
        return answer({"rounds": found})

    async def round(self, request: Request) -> Response:
        """All about one round."""
        folder, number = self._folder(request), request.path_params["number"]
        try:
            told = await asyncio.to_thread(folder.detail, number)
        except UNREADABLE as error:
            return answer({"error": str(error)}, 500)
        if told is None:
            return answer({"error": f"there is no round {number}"}, 404)
        return answer(told)

    async def config(self, request: Request) -> Response:
        """The configuration in force; null if no service has left one."""
        folder = self._folder(request)
        return answer({"config": await asyncio.to_thread(folder.settings)})

    def _folder(self, request: Request) -> StateFolder:
        index = _number(request, "pipeline") or 0
        if index >= len(self._watch.pipelines):
            raise HTTPException(404, f"there is no pipeline {index}")
        return self._watch.pipelines[index]


def answer(value: Any, status: int = 200) -> Response:
    """JSON for programs; in ASCII, as files may hold text that UTF-8 cannot."""
    content = json.dumps(finite(value), separators=(",", ":"))
    return Response(content, status, media_type="application/json")


def _number(request: Request, name: str) -> int | None:
    given = request.query_params.get(name)
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) < 10):
        raise HTTPException(400, f"{name}: expected a number")
    return int(given)


def _names(folders: Sequence[StateFolder]) -> list[str]:
    """Those of their models; two of one name are told apart by their projects' folders."""
    names = [_name(folder) for folder in folders]
    return [
        name if names.count(name) == 1 else f"{name} ({folder.path.parent.name})"
        for name, folder in zip(names, folders, strict=True)
    ]


def _name(folder: StateFolder) -> str:
    try:
        name = (folder.settings() or {})["settings"]["registry"]["name"]
    except (KeyError, TypeError):
        name = None
    return str(name or folder.path.parent.name)
