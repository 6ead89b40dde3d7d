"""`millstream versions` and `millstream pull`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.table import Table

from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console

__all__ = ["pull", "versions"]


def versions(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """List the registered versions: round, scores, sizes, and why each was promoted or not."""
    from millstream.config import load_config
    from millstream.gate_report import tell_gain
    from millstream.local import open_registry
    from millstream.pipeline import make_registry

    settings = load_config(config)
    found = make_registry(settings, open_registry(settings)).versions()
    table = Table(header_style="bold", pad_edge=False)
    metric = f"test_{settings.metric}"
    for name in ("version", "round", "made", settings.metric, "gain", "rung", "bytes"):
        table.add_column(name, justify="left" if name in {"made", "rung"} else "right")
    table.add_column("alias")
    table.add_column("promoted, or why not", overflow="fold")
    for item in found:
        score = item.metrics.get(metric)
        table.add_row(
            str(item.version),
            str(item.round),
            f"{item.created:%Y-%m-%d %H:%M:%S}",
            "-" if score is None else f"{score:.4f}",
            tell_gain(item.tags),
            item.rung,
            f"{item.gzip_bytes:,}",
            ", ".join(item.aliases),
            ("yes: " if item.promoted else "no: ") + item.reason,
        )
    console.print(table if found else f"no version of {settings.registry.name} yet")


def pull(
    name: Annotated[
        str, typer.Argument(help="NAME, NAME@alias or NAME/version, models:/ before it or not.")
    ],
    out: Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")],
    tracking_uri: Annotated[
        str | None, typer.Option(help="An MLflow store, instead of the configuration's.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Download a version: the small model, its schema, and an MLflow model that loads it."""
    from millstream.config import load_config
    from millstream.local import open_registry
    from registry import ModelRegistry, Reference

    base = Reference.parse(name).name
    uri = tracking_uri or open_registry(load_config(config))
    version = ModelRegistry(base, uri).pull(name, out)
    console.print(
        f"{base} version {version.version} ({version.rung}, {version.gzip_bytes:,} bytes,"
        f" round {version.round}) is in {out}",
        markup=False,
    )
