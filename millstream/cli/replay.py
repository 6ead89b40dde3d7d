"""`millstream replay`."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console, logging_to_terminal

if TYPE_CHECKING:
    from millstream.replay.run import Replayed

__all__ = ["replay"]

WhatArgument = Annotated[
    str | None,
    typer.Argument(
        metavar="[ROUND|VERSION]",
        help="A round, or NAME/version or NAME@alias of a registered model, models:/ before it or"
        " not; the last round by default.",
    ),
]
FromScratchOption = Annotated[
    bool,
    typer.Option("--from-scratch", help="The whole chain up to it, from the untrained model on."),
]
ToleranceOption = Annotated[
    float,
    typer.Option(min=0.0, help="How far rounds of several workers, or of a GPU, may be off."),
]


def replay(
    what: WhatArgument = None,
    from_scratch: FromScratchOption = False,
    tolerance: ToleranceOption = 1e-3,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Train rounds again from their plans and compare the weights, bit for bit."""
    from millstream.config.config import load_config
    from millstream.local import open_broker
    from millstream.remote.opening import bring_rounds
    from millstream.replay.run import ReplayOptions, run_replay
    from millstream.state_lock import state_lock
    from millstream.watch.native_log import native_log

    settings = load_config(config)
    with (
        logging_to_terminal("warning" if as_json else "info"),
        state_lock(settings.state_dir),
        native_log(settings.state_dir / "native.log"),
        open_broker(settings) as servers,
    ):
        bring_rounds(settings)
        found = run_replay(settings, servers, ReplayOptions(what, from_scratch, tolerance))
    tell(found, as_json)


def tell(found: Replayed, as_json: bool) -> None:
    """Print what a replay came to.

    Raises:
        ReplayError: something differs.
    """
    from millstream.errors import ReplayError
    from millstream.replay.outcome import Likeness, replay_table, tell_replays

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
        allowed = max(item.tolerance for item in found.rounds)
        console.print("bit for bit the same" if exact else f"the same within {allowed:g}")
