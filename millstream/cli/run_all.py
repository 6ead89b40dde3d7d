"""`millstream run --all`: the pipelines of one file, each a process, with one page for all."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from millstream.cli.shared import one_kafka, one_page, share
from millstream.cli.signals import signals_of_service
from millstream.cli.terminal import logging_to_terminal
from millstream.cli.workers import command_of
from millstream.durable import make_folder
from millstream.errors import UsageError
from millstream.pipelines.keep import Kept, keep
from millstream.pipelines.lines import Label, Lines
from millstream.pipelines.pipelines import Member, load_pipelines
from millstream.remote.opening import bring_rounds
from millstream.rounds.store import RoundStore
from millstream.state_lock import state_lock
from millstream.workers.environment import worker_count
from millstream.workers.fork_server import ForkServer, fork_server, set_name

if TYPE_CHECKING:
    from millstream.service import RunOptions

__all__ = ["run_all"]

PIPELINE = "MILLSTREAM_PIPELINE"
"""Which pipeline a process is, by its number in the file."""


def run_all(file: Path, options: RunOptions, workers: int) -> None:
    """Run all pipelines of a file until they end by themselves or a signal comes.

    Args:
        file: the file of pipelines.
        options: when each of them ends by itself.
        workers: of each.

    Raises:
        ConfigError: the file is wrong, or one of its configurations.
        BusyError: another process runs it.
        StackError: the local stack cannot be started.
        UsageError: TF_CONFIG is set, which speaks of one pipeline.
        WorkersError: the process that pipelines are forked from is gone.
    """
    if worker_count() > 1:
        raise UsageError(
            "--all: expected no TF_CONFIG, got one with several workers, which are those of one"
            " pipeline; run each pipeline by itself, or unset it and use --workers"
        )
    top = load_pipelines(file)
    commands = [command(member, options, workers) for member in top.members]
    names = [member.name for member in top.members]
    make_folder(top.state_dir)
    with ExitStack() as stack:
        lines = stack.enter_context(Lines(labels(top.members)))
        work = partial(be_pipeline, commands, names, lines)
        with hangups_ignored():
            forks = stack.enter_context(fork_server(work, top.state_dir / "native.log"))
        folders = [member.config.state_dir for member in top.members]
        stop = stack.enter_context(signals_of_service(*folders))
        forms = {member.config.service.log_format for member in top.members}
        stack.enter_context(logging_to_terminal("info", "json" if forms == {"json"} else "human"))
        lines.start()
        stack.enter_context(state_lock(top.state_dir))
        stack.enter_context(one_kafka(share(top)))
        stack.enter_context(one_page(top, file))
        code = keep(
            [kept(member, forks, number) for number, member in enumerate(top.members)], stop
        )
    if code:
        raise typer.Exit(code)


def command(member: Member, options: RunOptions, workers: int) -> list[str]:
    """The command of a pipeline, also when it begins again."""
    if member.config.remote is not None and options.max_rounds is not None:
        with state_lock(member.config.state_dir):
            bring_rounds(member.config)  # `--rounds` counts from the last one that there is
    store = RoundStore(member.config.state_dir / "rounds")
    return [*command_of(options, member.file, store), "--workers", str(workers)]


def labels(members: Sequence[Member]) -> list[Label]:
    """How the lines of pipelines are told apart."""
    width = max(len(member.name) for member in members)
    return [
        Label(member.name, width, member.config.service.log_format == "json") for member in members
    ]


def kept(member: Member, forks: ForkServer, number: int) -> Kept:
    """A pipeline to keep running."""
    store = RoundStore(member.config.state_dir / "rounds")
    return Kept(
        member.name,
        begin=partial(forks.begin, number, {PIPELINE: str(number)}, None),
        rounds=lambda: len(store.complete()),
    )


def be_pipeline(
    commands: Sequence[list[str]], names: Sequence[str], lines: Lines, _parent: int
) -> None:
    """Do what a command does, in a process that was forked for it and ends with its parent.

    Ctrl-C of a terminal reaches all processes; it is the parent's to stop the pipelines.
    """
    from millstream.cli.app import main

    number = int(os.environ.pop(PIPELINE))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    lines.take(number)
    set_name(names[number])
    sys.argv = commands[number]
    main()


@contextmanager
def hangups_ignored() -> Iterator[None]:
    """Let what is forked meanwhile take no notice of a terminal that goes: we stop all then."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGHUP, before)
