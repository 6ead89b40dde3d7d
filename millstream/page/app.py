"""The application behind the page: what is served where."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.routing import BaseRoute, Mount, Route

from millstream.page.actions import Actions
from millstream.page.events import Events
from millstream.page.files import page_files
from millstream.page.guard import Guard
from millstream.page.queries import Queries
from millstream.page.token import FILE
from millstream.page.watch import Watch

__all__ = ["make_app"]


def make_app(
    folders: Sequence[Path],
    *,
    configs: Sequence[Path] = (),
    token: str | None = None,
    token_file: Path = Path(FILE),
    hosts: Collection[str] = (),
    routes: Sequence[BaseRoute] = (),
    ending: Callable[[], bool] = lambda: False,
) -> Starlette:
    """The page of one or several state folders.

    Args:
        folders: state folders; each is a pipeline, and need not be there yet.
        configs: the configuration file of each, which a roll-back needs; none for no roll-backs.
        token: what actions must show; None for a page that only reads.
        token_file: where it is kept, as viewers are told.
        hosts: names by which the page may be reached, beside localhost and plain addresses.
        routes: further routes, behind the same guard.
        ending: whether the server is about to end; streams of events end with it.
    """
    watch = Watch(folders, ending)
    actions = Actions(watch, configs, token)
    queries = Queries(watch, None if token is None else token_file)

    @asynccontextmanager
    async def watching(_: Starlette) -> AsyncIterator[None]:
        async with watch.running():
            yield

    return Starlette(
        routes=[
            *queries.routes(),
            *actions.routes(),
            Route("/events", Events(watch), methods=["GET"]),
            *routes,
            Mount("/", page_files()),
        ],
        middleware=[Middleware(Guard, hosts=hosts)],
        lifespan=watching,
    )
