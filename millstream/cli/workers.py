"""`millstream run` with several workers: the process that looks after them, and one of them."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack, redirect_stdout, suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from millstream.cli.page import page_beside
from millstream.cli.signals import ignore_hangup, signals_of_service, stop_on_signals
from millstream.cli.terminal import logging_of_service
from millstream.config.config import Config
from millstream.durable import make_folder
from millstream.errors import MillstreamError, UsageError
from millstream.local import open_broker, open_registry
from millstream.remote.opening import bring_rounds
from millstream.rounds.store import RoundStore
from millstream.state_lock import state_lock
from millstream.switching import switch_soon
from millstream.temporary import own_temporary_folder
from millstream.watch.native_log import native_log
from millstream.workers.beat import beating, native_of
from millstream.workers.environment import SUPERVISED, local_environments, own_rank, worker_count
from millstream.workers.fork_server import fork_server
from millstream.workers.place import beat_of
from millstream.workers.supervisor import Crew, supervise

if TYPE_CHECKING:
    from millstream.service import RunOptions

__all__ = ["run_as_worker", "supervise_workers"]


def supervise_workers(config: Config, options: RunOptions, config_file: Path, workers: int) -> None:
    """Start the workers of this machine, and look after them until the end.

    Raises:
        UsageError: TF_CONFIG and the number of workers do not fit together, or workers of several
            machines have no broker or registry in common.
        WorkersError: they end again and again.
    """
    elsewhere = worker_count() > 1
    if elsewhere:
        check_reachable(config, workers)
    if config.remote is not None and own_rank() == 0:
        with state_lock(config.state_dir):
            bring_rounds(config)  # `--rounds` counts from the last one that there is
    store, folder = RoundStore(config.state_dir / "rounds"), config.state_dir / "workers"
    work = partial(run_command, command_of(options, config_file, store))
    make_folder(folder)
    with ExitStack() as stack:
        forks = stack.enter_context(fork_server(work, folder / "native.log"))
        crew = Crew(
            begin=forks.begin,
            count=1 if elsewhere else workers,
            folder=folder,
            rounds=lambda: len(store.complete()),
            environments=(lambda _: [{}]) if elsewhere else local_environments,
            first_rank=own_rank() if elsewhere else 0,
            ready=forks.ready,
        )
        stop = stack.enter_context(signals_of_service(config.state_dir))
        stack.enter_context(logging_of_service(config, partial(next_round, store)))
        if not elsewhere:
            open_registry(config)
            stack.enter_context(open_broker(config))
        stack.enter_context(page_beside(config, config_file))
        code = supervise(crew, stop)
    if code:
        raise typer.Exit(code)


def next_round(store: RoundStore) -> int:
    """The number of the round that workers make, or are about to; 0 if it is not known."""
    with suppress(MillstreamError, OSError):
        return len(store.complete())
    return 0


def check_reachable(config: Config, workers: int) -> None:
    """Check that workers of several machines can work together.

    Raises:
        UsageError: they cannot.
    """
    if workers > 1:
        raise UsageError(
            f"--workers {workers}: TF_CONFIG already says which workers there are; leave out one"
            " of the two"
        )
    for name, value in (
        ("kafka.bootstrap_servers", config.kafka.bootstrap_servers),
        ("registry.tracking_uri", config.registry.tracking_uri),
    ):
        if value is None:
            raise UsageError(
                f"{name}: expected an address that the workers of TF_CONFIG can all reach, got"
                " none; a broker or registry of this machine's own is not theirs"
            )


def command_of(options: RunOptions, config_file: Path, store: RoundStore) -> list[str]:
    """The command of a worker, also of one that begins again: rounds count from now on."""
    command = ["millstream", "run", "--config", str(config_file.absolute())]
    if options.stop_when_idle_s is not None:
        command += ["--stop-when-idle", str(options.stop_when_idle_s)]
    if options.max_rounds is not None:
        latest = store.latest()
        last = (latest.number if latest else 0) + options.max_rounds
        command += ["--last-round", str(last)]
    return command


def run_command(command: list[str], parent: int) -> None:
    """Do what a command does, as a worker that ends with its parent."""
    from millstream.cli.app import main

    os.environ[SUPERVISED] = str(parent)
    sys.argv = command
    main()


def run_as_worker(config: Config, options: RunOptions, supervisor: int) -> None:
    """Be one of the workers that another process looks after; the first one shows what happens."""
    from millstream.cli.run import open_board, run_with_view
    from millstream.service import run_service

    rank, folder = own_rank(), config.state_dir / "workers"
    make_folder(folder)
    native = native_of(folder, rank)
    ignore_hangup()
    with beating(beat_of(config, rank), native, supervisor), stop_on_signals() as stop:
        if rank == 0:
            run_with_view(config, options, stop, native)
            return
        switch_soon()
        board = open_board(config, None)
        logs = logging_of_service(config, board.round)
        with own_temporary_folder(), native_log(native), logs, redirect_stdout(sys.stderr):
            run_service(config, options, board, stop)
