"""The page beside a command: a process that is started, watched, and ended with it."""

from __future__ import annotations

import logging
import os
import socket
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol
from urllib.parse import urlsplit

from millstream.config.page import PageConfig
from millstream.durable import make_folder, read_as, write_json
from millstream.errors import MillstreamError
from millstream.page.listening import address_of, listen
from millstream.stack.server_process import ServerProcess
from millstream.watch.processes import is_alive

__all__ = ["PageAddress", "Paged", "find_page", "serving_page", "shown_elsewhere"]

log = logging.getLogger("millstream")

FILE = "page.json"
GRACE_S = 3.0
LOOK_EVERY_S = 2.0
MOST_STARTS = 5
CONNECT_S = 2.0


@dataclass(frozen=True)
class PageAddress:
    """Where a page is served, and by which process it is kept running."""

    pid: int
    url: str


class Paged(Protocol):
    """Whose page it is: a pipeline, or several."""

    @property
    def page(self) -> PageConfig:
        """Where it is served."""
        ...

    @property
    def state_dir(self) -> Path:
        """The folder of its token and its address."""
        ...


def find_page(state_dir: Path) -> str | None:
    """The address of the page that a live process keeps for a state folder, or None."""
    found = read_as(state_dir / FILE, PageAddress)
    if found is None or not is_alive(found.pid):
        return None
    place = urlsplit(found.url)
    try:
        # The process may be another one by now; then nobody answers.
        address = (place.hostname or "", place.port or 80)
        socket.create_connection(address, timeout=CONNECT_S).close()
    except (OSError, ValueError):
        return None
    return found.url


@contextmanager
def serving_page(config: Paged, config_files: Sequence[Path]) -> Iterator[str]:
    """Serve the page while the body runs; yields the line that tells where.

    It is a convenience: where it cannot be served, the line says why, and the body runs without.

    Args:
        config: whose `[page]` counts.
        config_files: one of each pipeline, its own first; or one of several pipelines.
    """
    if not config.page.enabled:
        yield ""
        return
    if (running := find_page(config.state_dir)) is not None:
        yield f"page    {running}"
        return
    try:
        make_folder(config.state_dir)
        listener = listen(config.page.host, config.page.port)
    except MillstreamError as error:
        yield f"no page: {error}"
        return
    url, port = address_of(listener), listener.getsockname()[1]
    taken = config.page.port not in (0, port)
    with listener, kept_running(config.state_dir, listener, config_files):
        write_json(config.state_dir / FILE, asdict(PageAddress(os.getpid(), url)), durable=False)
        try:
            yield f"page    {url}" + (f" (port {config.page.port} is taken)" if taken else "")
        finally:
            (config.state_dir / FILE).unlink(missing_ok=True)


@contextmanager
def shown_elsewhere(state_dirs: Sequence[Path], url: str) -> Iterator[None]:
    """Tell services that a page shows them while the body runs, so that they serve none."""
    files = [state_dir / FILE for state_dir in state_dirs]
    for file in files:
        make_folder(file.parent)
        write_json(file, asdict(PageAddress(os.getpid(), url)), durable=False)
    try:
        yield
    finally:
        for file in files:
            file.unlink(missing_ok=True)


@contextmanager
def kept_running(
    state_dir: Path, listener: socket.socket, config_files: Sequence[Path]
) -> Iterator[None]:
    """Keep the page's process running on a socket; one that ends is started anew, a few times."""
    log_file, descriptor = state_dir / "page.log", listener.fileno()
    files = [str(file.absolute()) for file in config_files]
    ended = threading.Event()

    def start() -> ServerProcess:
        return ServerProcess(
            [sys.executable, "-P", "-m", "millstream.page.serve", str(descriptor), *files],
            log_file=log_file,
            grace_s=GRACE_S,
            descriptors=(descriptor,),
        )

    process = start()

    def keep() -> None:
        nonlocal process
        starts = 1
        while not ended.wait(LOOK_EVERY_S * starts):
            if process.running:
                continue
            if starts == MOST_STARTS:
                log.warning("the page has ended %d times and stays away; see %s", starts, log_file)
                return
            starts += 1
            log.warning("the page has ended and is started again; see %s", log_file)
            process.stop()
            process = start()

    keeper = threading.Thread(target=keep, name="millstream-page", daemon=True)
    keeper.start()
    try:
        yield
    finally:
        ended.set()
        keeper.join()
        process.stop()
