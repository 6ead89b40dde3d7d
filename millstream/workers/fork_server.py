"""The process that worker processes come from: it has the libraries, and forks each worker.

TensorFlow takes seconds to import. Workers that begin together, or again, are forked from one
process that has done so and nothing else: it starts neither TensorFlow's runtime nor a thread of
Python, as neither outlives a fork. Libraries' own threads, such as OpenBLAS's and those that
allocators tidy up with, are idle then; a fork makes the first anew and does without the others. It
ends with the process that began it, and its workers end with it.
"""

from __future__ import annotations

import ctypes
import gc
import importlib
import json
import multiprocessing
import os
import signal
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from functools import partial
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from millstream.errors import WorkersError
from millstream.workers.beat import die_with_parent

__all__ = ["ForkServer", "Worker", "fork_server"]

LIBRARIES = (
    "trainer",
    "millstream.service",
    "ai_edge_litert.interpreter",
    "mlflow.pyfunc",
    "numba.typed",
    "registry.predictor",
)
"""What imports the most of what a worker needs."""
PR_SET_NAME = 15
STDERR = 2
STOPS = (signal.SIGINT, signal.SIGTERM)
FORK = multiprocessing.get_context("fork")


@dataclass(frozen=True)
class Asked:
    """A request for a worker: see `ForkServer.begin`."""

    rank: int
    variables: dict[str, str]
    output: str | None


class Worker:
    """A worker that was forked.

    Attributes:
        pid: its process.
    """

    def __init__(self, pid: int, poll: Callable[[int], int | None]) -> None:
        self.pid = pid
        self._poll = poll

    def poll(self) -> int | None:
        """The exit code, a signal's number below 0; None while it runs."""
        return self._poll(self.pid)


class ForkServer:
    """The line to the process that forks workers."""

    def __init__(self, line: Connection, pid: int, native: Path | None) -> None:
        self.pid = pid
        self._line = line
        self._seen = "" if native is None else f" (see {native})"
        self._codes: dict[int, int] = {}
        self._is_gone = False
        self._is_ready = False

    def ready(self, seconds: float | None = None) -> bool:
        """Whether the libraries are imported, so that workers begin at once; or it is gone.

        Args:
            seconds: to wait for that at most; None is for as long as it takes.
        """
        if not self._is_ready and self._line.poll(seconds):
            with suppress(EOFError, OSError):  # whoever begins a worker is told
                self._line.recv_bytes()
            self._is_ready = True
        return self._is_ready

    def begin(self, rank: int, variables: Mapping[str, str], output: Path | None) -> Worker:
        """Fork a worker; returns when it exists, at first when the libraries are imported.

        Args:
            rank: of the worker, for its name in lists of processes.
            variables: of its environment, beside those that there are.
            output: a file to append all that it prints to; None leaves it where ours goes.

        Raises:
            WorkersError: the process that forks workers is gone.
        """
        asked = Asked(rank, dict(variables), None if output is None else str(output))
        self.ready()
        try:
            self._line.send_bytes(json.dumps(asdict(asked)).encode())
            while (pid := self._hear()) is None:
                pass
        except (EOFError, OSError) as error:
            raise WorkersError(
                f"process {self.pid}, which workers are forked from, is gone{self._seen};"
                " run it again"
            ) from error
        return Worker(pid, self._code)

    def _code(self, pid: int) -> int | None:
        try:
            while not self._is_gone and self._line.poll():
                self._hear()
        except (EOFError, OSError):
            self._is_gone = True
        return self._codes.get(pid, -signal.SIGKILL if self._is_gone else None)

    def _hear(self) -> int | None:
        """Take one answer: a worker's end is noted; of a new one, its process."""
        pid, code = json.loads(self._line.recv_bytes())
        if code is None:
            self._codes.pop(pid, None)
            return int(pid)
        self._codes[pid] = code
        return None


@contextmanager
def fork_server(work: Callable[[int], None], native: Path | None = None) -> Iterator[ForkServer]:
    """A process to fork workers from while the body runs; those that still run end with it.

    To be entered before this process has a thread. The libraries are imported meanwhile.

    Args:
        work: what a worker does; it is given the process that it is to end with. An error or
            SystemExit ends it as it would end a program.
        native: a file to append what the libraries print as they are imported; None leaves it
            where ours goes.
    """
    ours, theirs = FORK.Pipe()
    process = FORK.Process(target=fork_workers, args=(theirs, ours, os.getpid(), work, native))
    process.start()
    theirs.close()
    begun = ForkServer(ours, process.pid or -1, native)
    try:
        yield begun
    finally:
        if not begun.ready(0.0):
            process.kill()  # it has no worker, and imports what nobody waits for
        ours.close()
        process.join()


def fork_workers(
    line: Connection,
    other_end: Connection,
    parent: int,
    work: Callable[[int], None],
    native: Path | None,
) -> None:
    """Import the libraries, then fork a worker for each request until there is no more line."""
    other_end.close()
    die_with_parent(parent)
    terminal = os.dup(STDERR)
    if native is not None:
        append_to(native, STDERR)
    # Whoever is at the other end of the line says when to end.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPS)
    signal.signal(signal.SIGHUP, signal.SIG_IGN)  # as for the workers: it means another process
    for name in LIBRARIES:
        importlib.import_module(name)
    gc.collect()
    gc.freeze()
    serve(line, partial(be_worker, (line, terminal), os.getpid(), work))


def serve(line: Connection, be: Callable[[Asked], None]) -> None:
    """Fork a worker for each request, and say how each has ended."""
    running: dict[int, BaseProcess] = {}
    try:
        tell(line, None, None)
        while True:
            for ready in wait([line, *running]):
                if ready is line:
                    asked = Asked(**json.loads(line.recv_bytes()))
                    process: BaseProcess = FORK.Process(target=be, args=(asked,))
                    process.start()
                    running[process.sentinel] = process
                    tell(line, process.pid, None)
                elif isinstance(ready, int):
                    process = running.pop(ready)
                    process.join()
                    tell(line, process.pid, process.exitcode)
    except (EOFError, OSError):
        for process in running.values():
            process.kill()


def tell(line: Connection, pid: int | None, code: int | None) -> None:
    """Say that a worker has begun (no code yet) or has ended; of none, that they can begin."""
    line.send_bytes(json.dumps([pid, code]).encode())


def be_worker(
    inherited: tuple[Connection, int],
    parent: int,
    work: Callable[[int], None],
    asked: Asked,
) -> None:
    """Take a worker's name, variables and output, and do its work.

    Args:
        inherited: the line to the supervisor, which is not ours, and where its errors go.
        parent: the process that it was forked from.
        work: what it does.
        asked: the request.
    """
    line, terminal = inherited
    line.close()
    os.dup2(terminal, STDERR)
    os.close(terminal)
    die_with_parent(parent)
    # One that came since the fork has waited until now.
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPS)
    set_name(f"worker {asked.rank}")
    if asked.output is not None:
        append_to(Path(asked.output), 1, STDERR)
    os.environ.update(asked.variables)
    work(parent)


def append_to(path: Path, *descriptors: int) -> None:
    """Let what is written to some descriptors be appended to a file."""
    with path.open("ab") as file:
        for descriptor in descriptors:
            os.dup2(file.fileno(), descriptor)


def set_name(name: str) -> None:
    """What `ps -o comm` and `top` call this process; on Linux."""
    if sys.platform.startswith("linux"):
        ctypes.CDLL(None).prctl(PR_SET_NAME, name.encode())
