"""`millstream run`."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live

from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.page import page_beside
from millstream.cli.signals import signals_of_service
from millstream.cli.terminal import console, logging_of_service
from millstream.cli.view import SHOWN, live_view, round_line
from millstream.cli.workers import run_as_worker, supervise_workers
from millstream.config.config import Config, load_config
from millstream.durable import make_folder
from millstream.errors import MillstreamError, UsageError
from millstream.pipelines.pipelines import is_pipelines_file
from millstream.rounds.store import RoundFolder, RoundStore
from millstream.switching import switch_soon
from millstream.temporary import own_temporary_folder
from millstream.watch.board import Board
from millstream.watch.native_log import native_log
from millstream.watch.summary import RoundSummary
from millstream.workers.environment import supervisor_of, worker_count
from millstream.workers.indexed_job import indexed_job

if TYPE_CHECKING:
    from millstream.service import RunOptions

__all__ = ["open_board", "run", "run_with_view"]

log = logging.getLogger("millstream")

WorkersOption = Annotated[
    int,
    typer.Option(
        help="Processes on this machine that train together; those of several machines are"
        " told by TF_CONFIG, or by the variables of an indexed Kubernetes Job.",
        min=1,
    ),
]
EveryOption = Annotated[
    bool, typer.Option("--all", help="Run all pipelines of the file, each as a process.")
]


def run(
    stop_when_idle: Annotated[
        float | None,
        typer.Option(
            help="End, after a last round, once no record came for so many seconds.", min=0
        ),
    ] = None,
    rounds: Annotated[int | None, typer.Option(help="End after so many rounds.", min=1)] = None,
    last_round: Annotated[
        int | None, typer.Option(help="End after the round of this number.", hidden=True)
    ] = None,
    workers: WorkersOption = 1,
    every: EveryOption = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Keep the model trained: ingest, train, compress, register, until Ctrl-C."""
    from millstream.service import RunOptions

    os.environ.update(indexed_job())
    options = RunOptions(stop_when_idle, rounds, last_round)
    if every:
        from millstream.cli.run_all import run_all

        run_all(config, options, workers)
        return
    if is_pipelines_file(config):
        raise UsageError(f"{config}: it has several pipelines; run them with --all")
    settings = load_config(config)
    if (supervisor := supervisor_of()) is not None:
        run_as_worker(settings, options, supervisor)
    elif workers > 1 or worker_count() > 1:
        supervise_workers(settings, options, config, workers)
    else:
        with signals_of_service(settings.state_dir) as stop, page_beside(settings, config):
            run_with_view(settings, options, stop)


def run_with_view(
    config: Config, options: RunOptions, stop: threading.Event, native: Path | None = None
) -> None:
    """Run the service with a live view on a terminal, or a line per round elsewhere.

    Args:
        config: the configuration.
        options: when to end by itself.
        stop: set for a clean end.
        native: where native code prints to, if not to the state folder's `native.log`.
    """
    from millstream.service import run_service

    make_folder(config.state_dir)
    switch_soon()
    board = open_board(config, config.state_dir / "status.json")
    rounds: list[RoundSummary] = []

    def on_round(folder: RoundFolder) -> None:
        rounds.append(RoundSummary.of(folder))
        del rounds[:-SHOWN]
        if config.service.log_format == "json":
            told = round_line(rounds[-1], config.metric)
            log.info("%s", told, extra={"round": folder.number})
        elif not console.is_terminal:
            console.print(round_line(rounds[-1], config.metric), markup=False, soft_wrap=True)

    with (
        own_temporary_folder(),
        native_log(native or config.state_dir / "native.log"),
        logging_of_service(config, board.round),
        viewing(board, rounds, config.metric),
    ):
        run_service(config, options, board, stop, on_round)


def open_board(config: Config, status_file: Path | None) -> Board:
    """A board that knows the last round from the start on, if there is one in the state folder."""
    board = Board(status_file)
    with suppress(MillstreamError, OSError):  # what is wrong there is told when it is opened
        latest = RoundStore(config.state_dir / "rounds").latest()
        board.update(round=latest.number if latest else 0)
    return board


@contextmanager
def viewing(board: Board, rounds: list[RoundSummary], metric: str) -> Iterator[None]:
    """Show the live state while the body runs, when the output is a terminal."""
    if not console.is_terminal:
        yield
        return
    with Live(
        get_renderable=lambda: live_view(board.snapshot(), rounds, metric),
        console=console,
        refresh_per_second=4,
    ):
        yield
