"""`millstream pull`."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.naming import StoreOption, find_registry
from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console

if TYPE_CHECKING:
    from registry import ModelRegistry

__all__ = ["find_store", "pull"]


def pull(
    name: Annotated[
        str, typer.Argument(help="NAME, NAME@alias or NAME/version, models:/ before it or not.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")],
    tracking_uri: StoreOption = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Download a version: the small model, its schema, and an MLflow model that loads it."""
    registry = find_store(name, tracking_uri, config)
    version = registry.pull(name, out)
    console.print(
        f"{registry.name} version {version.version} ({version.rung}, {version.gzip_bytes:,} bytes,"
        f" round {version.round}) is in {out}",
        markup=False,
    )


def find_store(name: str, tracking_uri: str | None, config: Path) -> ModelRegistry:
    """As `find_registry`, for those who have a model's name and no configuration.

    Where there is no such file, MLFLOW_TRACKING_URI says which store is meant.

    Raises:
        ConfigError: neither does.
        registry.VersionNotFound: the name cannot be one.
    """
    if tracking_uri is None and not config.exists():
        tracking_uri = os.environ.get("MLFLOW_TRACKING_URI") or None
    return find_registry(name, tracking_uri, config)
