"""Which registered model a command is about, and where it is."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from registry import ModelRegistry

__all__ = ["NameArgument", "StoreOption", "find_registry"]

NameArgument = Annotated[
    str | None, typer.Argument(help="The registered model; the configuration's by default.")
]
StoreOption = Annotated[
    str | None,
    typer.Option("--tracking-uri", help="An MLflow store, instead of the configuration's."),
]


def find_registry(name: str | None, tracking_uri: str | None, config: Path) -> ModelRegistry:
    """The registry of a model; the configuration is only read for what is not given.

    Args:
        name: NAME, or any reference to one of its versions; None for the configuration's.
        tracking_uri: where; None for the configuration's.
        config: path of the configuration.

    Raises:
        ConfigError: it is needed, and is not there or wrong.
        registry.VersionNotFound: the name cannot be one.
    """
    from registry import ModelRegistry, Reference

    base = None if name is None else Reference.parse(name).name
    if base is not None and tracking_uri is not None:
        return ModelRegistry(base, tracking_uri)
    from millstream.config.config import load_config
    from millstream.local import open_registry
    from millstream.pipeline import make_registry

    settings = load_config(config)
    uri = tracking_uri or open_registry(settings)
    if base in (None, settings.registry.name):
        return make_registry(settings, uri)
    return ModelRegistry(str(base), uri)
