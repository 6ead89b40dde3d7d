"""`millstream pull`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from millstream.cli.naming import StoreOption, find_registry
from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console

__all__ = ["pull"]


def pull(
    name: Annotated[
        str, typer.Argument(help="NAME, NAME@alias or NAME/version, models:/ before it or not.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")],
    tracking_uri: StoreOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Download a version: the small model, its schema, and an MLflow model that loads it."""
    registry = find_registry(name, tracking_uri, config)
    version = registry.pull(name, out)
    console.print(
        f"{registry.name} version {version.version} ({version.rung}, {version.gzip_bytes:,} bytes,"
        f" round {version.round}) is in {out}",
        markup=False,
    )
