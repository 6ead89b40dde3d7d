"""`millstream versions` and `millstream prune`."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from millstream.cli.naming import NameArgument, StoreOption, find_registry
from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console

__all__ = ["prune", "versions"]


def versions(
    name: NameArgument = None,
    tracking_uri: StoreOption = None,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List the registered versions: scores, sizes, and why each was promoted or not."""
    from millstream.publishing.version_table import version_facts, versions_table

    registry = find_registry(name, tracking_uri, config)
    found = registry.versions()
    if as_json:
        facts = {"name": registry.name, "versions": [version_facts(item) for item in found]}
        typer.echo(json.dumps(facts, indent=1))
        return
    if not found:
        console.print(f"no version of {registry.name} yet", markup=False)
        return
    console.print(versions_table(found, console.width), markup=False)


def prune(
    keep: Annotated[int, typer.Option("--keep", min=1, help="How many of the newest stay.")],
    name: NameArgument = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would go.")] = False,
    tracking_uri: StoreOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Delete old versions and their artifacts; those that an alias needs stay."""
    registry = find_registry(name, tracking_uri, config)
    found = registry.prune(keep, dry_run)
    for number, why in found.kept.items():
        console.print(f"version {number} stays: {why}", markup=False)
    numbers = ", ".join(str(number) for number in found.deleted) or "none"
    done = "would be deleted" if dry_run else "deleted with their artifacts"
    console.print(f"{registry.name}: versions {done}: {numbers}", markup=False)
