"""`millstream trigger`: a round by hand."""

from __future__ import annotations

import time
from pathlib import Path

from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console
from millstream.config.config import load_config
from millstream.durable import read_as
from millstream.errors import NotRunningError
from millstream.pause import is_paused
from millstream.request import ask
from millstream.watch.board import LiveState

__all__ = ["check_running", "trigger"]

SILENT_S = 10.0
"""A service that has not written its status for so long is not there any more."""


def trigger(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Ask the running service for a round at once, whatever its triggers say."""
    settings = load_config(config)
    live = check_running(settings.state_dir, "begin a round")
    ask(settings.state_dir)
    if is_paused(settings.state_dir):
        console.print("asked for a round: it begins once `millstream resume` has been called")
    elif live.pending:
        console.print(f"asked for a round: {live.pending:,} records wait", markup=False)
    else:
        console.print("asked for a round: no record waits, so it begins with the first that comes")


def check_running(state_dir: Path, would: str) -> LiveState:
    """The live state of the service that runs on a state folder.

    Args:
        state_dir: the service's.
        would: what it is asked for.

    Raises:
        NotRunningError: none does.
    """
    live = read_as(state_dir / "status.json", LiveState)
    silent_s = time.time() - (live.updated_ms if live else 0) / 1000
    if live is None or live.phase in {"stopped", "failed:"} or silent_s > SILENT_S:
        raise NotRunningError(
            f"{state_dir}: no service is running here, so nobody would {would};"
            " start one with `millstream run`, then ask again"
        )
    return live
