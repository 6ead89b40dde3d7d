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

from millstream.config import load_config
from millstream.page.app import make_app
from millstream.page.metrics import metrics_routes
from millstream.page.token import find_token

__all__ = ["main", "serve"]

NICE = 10
MOST_VIEWERS = 1000
GRACE_S = 2


def serve(listener: socket.socket, config_files: Sequence[Path]) -> None:
    """Serve the page of one or several pipelines until SIGINT or SIGTERM.

    Args:
        listener: a bound socket.
        config_files: one of each pipeline; `[page]` of the first one counts, and its token.

    Raises:
        ConfigError: a file is missing or wrong, or the token cannot be kept.
    """
    configs = [load_config(file) for file in config_files]
    folders = [config.state_dir for config in configs]
    app = make_app(
        folders,
        configs=[file.absolute() for file in config_files],
        token=find_token(configs[0].state_dir),
        hosts=configs[0].page.allowed_hosts,
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
