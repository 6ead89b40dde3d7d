"""The page's process: `python -m millstream.page.serve FD CONFIG...`, on an open socket.

It gives way to the trainer where both want a core.
"""

from __future__ import annotations

import os
import socket
import sys
from collections.abc import Sequence
from pathlib import Path

import uvicorn

from millstream.page.app import make_app
from millstream.page.metrics import metrics_routes
from millstream.page.token import FILE, find_token
from millstream.pipelines.pipelines import page_of

__all__ = ["main", "serve"]

NICE = 10
MOST_VIEWERS = 1000
GRACE_S = 2


def serve(listener: socket.socket, config_files: Sequence[Path]) -> None:
    """Serve the page of one or several pipelines until SIGINT or SIGTERM.

    Args:
        listener: a bound socket.
        config_files: one of each pipeline, of which `[page]` and the token of the first one count;
            or one of several pipelines.

    Raises:
        ConfigError: a file is missing or wrong, or the token cannot be kept.
    """
    owner, shown = page_of(config_files)
    folders = [config.state_dir for _, config in shown]
    app = make_app(
        folders,
        configs=[file for file, _ in shown],
        token=find_token(owner.state_dir),
        token_file=owner.state_dir / FILE,
        hosts=owner.page.allowed_hosts,
        routes=metrics_routes(folders),
        ending=lambda: server.should_exit,
    )
    settings = uvicorn.Config(
        app,
        log_level="warning",
        access_log=False,
        server_header=False,
        limit_concurrency=MOST_VIEWERS,
        timeout_graceful_shutdown=GRACE_S,
    )
    server = uvicorn.Server(settings)
    server.run(sockets=[listener])


def main(descriptor: int, config_files: Sequence[Path]) -> None:
    """Serve on a socket that the parent process has opened."""
    os.nice(NICE)
    serve(socket.socket(fileno=descriptor), config_files)


if __name__ == "__main__":
    main(int(sys.argv[1]), [Path(name) for name in sys.argv[2:]])
