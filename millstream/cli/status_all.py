"""`millstream status --all`: a line for each pipeline of a file."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import typer
from rich.table import Table
from rich.text import Text

from millstream.cli.terminal import console
from millstream.pipelines.pipelines import load_pipelines
from millstream.watch.board import STEPS, LiveState

__all__ = ["status_of_all"]


def status_of_all(file: Path, as_json: bool) -> None:
    """Print what each pipeline of a file does now.

    Raises:
        ConfigError: the file is wrong, or one of its configurations.
    """
    from millstream.cli.status import find_live

    live = {
        member.name: find_live(member.config.state_dir) for member in load_pipelines(file).members
    }
    if as_json:
        told = {name: asdict(state) for name, state in live.items()}
        typer.echo(json.dumps(told, indent=1, sort_keys=True))
        return
    table = Table(header_style="bold", pad_edge=False, box=None)
    for name in ("pipeline", "round", "records/s", "lag", "waiting", "champion"):
        table.add_column(name, justify="left" if name == "pipeline" else "right", no_wrap=True)
    table.add_column("")
    for name, state in live.items():
        table.add_row(*(Text(cell) for cell in (name, *cells(state))))
    console.print(table)


def cells(state: LiveState) -> list[str]:
    """What is told of one pipeline, beside its name."""
    if state.phase != "running":
        doing = f"{state.phase} {state.note}".strip()
    else:
        paused = f" · {state.note}" if state.note.startswith("paused") else ""
        doing = STEPS[state.step] + paused
    return [
        str(state.round),
        f"{state.records_per_s:,.0f}",
        "-" if state.lag is None else f"{state.lag:,}",
        f"{state.pending:,}",
        str(state.champion or "-"),
        doing,
    ]
