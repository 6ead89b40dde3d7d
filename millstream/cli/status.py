"""`millstream status` and `millstream top`: the service as its files show it, from any terminal."""

from __future__ import annotations

import json
import time
from dataclasses import asdict, replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import RenderableType
from rich.live import Live

from millstream.cli.keys import reading_keys
from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console
from millstream.cli.view import SHOWN, live_view
from millstream.config.config import Config, load_config
from millstream.durable import read_as
from millstream.errors import UsageError
from millstream.pause import is_paused
from millstream.publishing.rolled_back import champion_by_hand
from millstream.rounds.store import RoundStore
from millstream.watch.board import LiveState
from millstream.watch.metrics_live import GONE_S, SILENT_S
from millstream.watch.processes import is_alive
from millstream.watch.summary import look_back

__all__ = ["find_live", "status", "top"]

ENDED = {"stopped", "failed:", "never run"}


def find_live(state_dir: Path) -> LiveState:
    """What the status file says; of a service that is gone without a word, that."""
    live = read_as(state_dir / "status.json", LiveState)
    live = live or LiveState(phase="never run", pid=0)
    live = replace(live, champion=champion_by_hand(state_dir) or live.champion)
    silent_s = abs(time.time() - live.updated_ms / 1000)
    if live.phase not in ENDED and silent_s > GONE_S and not is_alive(live.pid):
        return replace(live, phase="died:", note=f"process {live.pid} is gone; run it again")
    if live.phase == "running" and silent_s > SILENT_S:  # of that id there may be another process
        note = f"no word for {silent_s:,.0f} s; process {live.pid} exists"
        return replace(live, phase="silent:", note=note)
    if live.phase == "running" and is_paused(state_dir):
        return replace(live, note="paused: no round begins until `millstream resume`")
    return live


def status(
    as_json: Annotated[bool, typer.Option("--json", help="Machine-readable.")] = False,
    every: Annotated[
        bool, typer.Option("--all", help="A line for each pipeline of the file.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """One look: what the service does now, its partitions, its bottleneck, and its last rounds."""
    if every:
        from millstream.cli.status_all import status_of_all

        status_of_all(config, as_json)
        return
    settings = load_config(config)
    if not as_json:
        console.print(look(settings))
        return
    rounds, damaged = look_back(RoundStore(settings.state_dir / "rounds"))
    facts = {
        "live": asdict(find_live(settings.state_dir)),
        "rounds": [asdict(item) for item in rounds],
        "damaged": [asdict(item) for item in damaged],
    }
    typer.echo(json.dumps(facts, indent=1, sort_keys=True))


def top(
    every: Annotated[float, typer.Option(help="Seconds between two looks.", min=0.1)] = 0.5,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Watch a service that runs elsewhere on this machine, from its files; q ends it."""
    settings = load_config(config)
    if not console.is_terminal:
        raise UsageError("millstream top: expected a terminal; `millstream status` gives one look")
    with (
        reading_keys() as key,
        Live(look(settings), console=console, screen=True, auto_refresh=False) as screen,
    ):
        looked = time.monotonic()
        while key(max(0.0, looked + every - time.monotonic())) not in ("q", "Q", "\x1b"):
            if time.monotonic() - looked >= every:
                looked = time.monotonic()
                screen.update(look(settings), refresh=True)


def look(settings: Config) -> RenderableType:
    """The service and its last rounds as they are now."""
    rounds, damaged = look_back(RoundStore(settings.state_dir / "rounds"), SHOWN)
    return live_view(find_live(settings.state_dir), rounds, settings.metric, damaged)
