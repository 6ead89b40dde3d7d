"""`millstream rollback` and `millstream journal`."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table

from millstream.cli.naming import NameArgument, StoreOption, find_registry
from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console

__all__ = ["journal", "rollback"]


def rollback(
    name: NameArgument = None,
    to: Annotated[
        int | None, typer.Option("--to", min=1, help="A version; the previous one by default.")
    ] = None,
    reason: Annotated[str, typer.Option("--reason", help="Why, for the journal.")] = "",
    tracking_uri: StoreOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Make another version the champion, whatever the gate said of it."""
    from millstream.config.config import load_config
    from millstream.publishing.rolled_back import note_roll_back

    registry = find_registry(name, tracking_uri, config)
    before = registry.champion()
    now = registry.rollback(to, reason)
    if before is not None and before.version == now.version:
        told = f"version {now.version} is the champion already"
    else:
        was = "none" if before is None else f"version {before.version}"
        told = f"version {now.version} is the champion now; before it was {was}"
        if name is None and tracking_uri is None:  # the model of the configuration
            note_roll_back(load_config(config).state_dir, now.version, reason)
    console.print(f"{registry.name}: {told}", markup=False)


def journal(
    name: NameArgument = None,
    tracking_uri: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show every move of the champion: who, why, from, to, when."""
    registry = find_registry(name, tracking_uri, config)
    found = registry.journal()
    if as_json:
        facts = {"name": registry.name, "journal": [entry.to_json() for entry in found]}
        typer.echo(json.dumps(facts, indent=1))
        return
    if not found:
        console.print(f"no version of {registry.name} was ever the champion", markup=False)
        return
    table = Table("no.", "when", "from", "to", "who", "host", "why", header_style="bold")
    for entry in found:
        state = "" if entry.state == "done" else f"{entry.state}: "
        table.add_row(
            str(entry.number),
            entry.when[:19].replace("T", " "),
            "-" if entry.from_version is None else str(entry.from_version),
            str(entry.to_version),
            entry.who,
            entry.host,
            state + entry.why,
        )
    console.print(table, markup=False)
