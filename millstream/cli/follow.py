"""`millstream follow`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.models import find_store
from millstream.cli.naming import StoreOption
from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.signals import stop_on_signals
from millstream.cli.terminal import console, logging_to_terminal

if TYPE_CHECKING:
    from registry import ModelRegistry

__all__ = ["follow"]


def follow(
    name: Annotated[str, typer.Argument(help="NAME (its champion) or NAME@alias.")],
    command: Annotated[
        str | None,
        typer.Option("--exec", help="A command for the shell, run for each new version."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The folder, of this follower alone. [default: NAME]"),
    ] = None,
    every: Annotated[
        float, typer.Option("--every", min=0.1, help="Seconds between two looks at the alias.")
    ] = 10.0,
    timeout: Annotated[
        float, typer.Option("--timeout", min=0.1, help="Seconds that the command may take.")
    ] = 300.0,
    tracking_uri: StoreOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Keep a folder at the version that an alias names, also when it moves; until SIGTERM."""
    from registry.following import followed_alias

    alias = followed_alias(name)
    registry = find_store(name, tracking_uri, config)
    keep_up(registry, alias, out or Path(registry.name), every, (command, timeout))


def keep_up(
    registry: ModelRegistry,
    alias: str,
    folder: Path,
    every_s: float,
    command: tuple[str | None, float],
) -> None:
    """Follow an alias until a signal ends it.

    Args:
        registry: of the model.
        alias: the alias.
        folder: of this follower alone.
        every_s: seconds between two looks.
        command: what is run for each version, if anything, and the seconds that it may take.

    Raises:
        registry.PullError: the folder is in use, or cannot be written to.
    """
    from millstream.announce import Announcer
    from registry.following import Follower
    from registry.shelf import open_shelf

    text, timeout_s = command
    with (
        open_shelf(folder, f"{registry.name}@{alias}") as shelf,
        stop_on_signals() as stop,
        logging_to_terminal("info"),
    ):
        follower = Follower(registry, alias, shelf, every_s)
        announcer = Announcer(text, shelf, timeout_s, stop) if text else None
        while not stop.is_set():
            if follower.look() and follower.model is not None:
                version = follower.model.version
                console.print(
                    f"{registry.name}@{alias}: version {version.version} ({version.rung}, round"
                    f" {version.round}) is in {folder / 'current'}",
                    markup=False,
                )
            if announcer is not None and follower.model is not None:
                announcer.tell(follower.model)
            stop.wait(follower.pause_s)
