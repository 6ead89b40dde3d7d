"""`millstream run`."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Annotated

import typer
from rich.live import Live

from millstream.board import Board
from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.page import page_beside
from millstream.cli.signals import signals_of_service
from millstream.cli.terminal import console, logging_of_service
from millstream.cli.view import live_view, round_line
from millstream.cli.workers import run_as_worker, supervise_workers
from millstream.config import Config, load_config
from millstream.durable import make_folder
from millstream.errors import UsageError
from millstream.native_log import native_log
from millstream.pipelines import is_pipelines_file
from millstream.round_store import RoundFolder
from millstream.summary import RoundSummary
from millstream.workers.environment import supervisor_of, worker_count
from millstream.workers.indexed_job import indexed_job

if TYPE_CHECKING:
    from millstream.service import RunOptions

__all__ = ["run", "run_with_view"]

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


def run_with_view(config: Config, options: RunOptions, stop: threading.Event) -> None:
    """Run the service with a live view on a terminal, or a line per round elsewhere."""
    from millstream.service import run_service

    make_folder(config.state_dir)
    board = Board(config.state_dir / "status.json")
    rounds: list[RoundSummary] = []

    def on_round(folder: RoundFolder) -> None:
        rounds.append(RoundSummary.of(folder))
        if config.service.log_format == "json":
            log.info("%s", round_line(rounds[-1], config.metric))
        elif not console.is_terminal:
            console.print(round_line(rounds[-1], config.metric), markup=False, soft_wrap=True)

    with (
        native_log(config.state_dir / "native.log"),
        logging_of_service(config, board),
        viewing(board, rounds, config.metric),
    ):
        run_service(config, options, board, stop, on_round)


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
