"""`millstream replay`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console, logging_to_terminal

__all__ = ["replay"]


def replay(
    what: Annotated[
        str | None,
        typer.Argument(
            metavar="[ROUND|NAME/version|NAME@alias]",
            help="A round, or a version with models:/ before it or not; the last round by default.",
        ),
    ] = None,
    from_scratch: Annotated[
        bool,
        typer.Option(
            "--from-scratch", help="The whole chain up to it, from the untrained model on."
        ),
    ] = False,
    tolerance: Annotated[
        float,
        typer.Option(min=0.0, help="How far rounds of several workers may be off, relatively."),
    ] = 1e-3,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Train rounds again from their plans and compare the weights, bit for bit."""
    from millstream.config import load_config
    from millstream.errors import ReplayError
    from millstream.local import open_broker
    from millstream.native_log import native_log
    from millstream.replay_outcome import Likeness, replay_table, tell_replays
    from millstream.replay_run import ReplayOptions, run_replay
    from millstream.state_lock import state_lock

    settings = load_config(config)
    options = ReplayOptions(what, from_scratch, tolerance)
    with (
        logging_to_terminal("warning" if as_json else "info"),
        state_lock(settings.state_dir),
        native_log(settings.state_dir / "native.log"),
        open_broker(settings) as servers,
    ):
        found = run_replay(settings, servers, options)
    if as_json:
        typer.echo(json.dumps(tell_replays(found.rounds, found.artifact), indent=1))
    else:
        console.print(replay_table(found.rounds))
        if found.artifact is not None:
            console.print(found.artifact.tell(), markup=False)
    if found.likeness is Likeness.OTHER:
        raise ReplayError(found.tell_difference())
    if not as_json:
        exact = found.likeness is Likeness.IDENTICAL
        console.print("bit for bit the same" if exact else f"the same within {tolerance:g}")
