"""What several pipelines print, line by line, each with its pipeline's name before it.

Both streams of a process stay apart. A line that is a JSON object, of a pipeline whose log is JSON,
gets a key instead, so that it stays one.
"""

from __future__ import annotations

import json
import os
import sys
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import TextIO

__all__ = ["Label", "Lines"]

MOST_BYTES = 1 << 20
"""A longer line is told in parts."""
MOST_WAIT_S = 5.0


@dataclass(frozen=True)
class Label:
    """How the lines of one pipeline are told apart.

    Attributes:
        name: of the pipeline.
        width: of the column of names.
        is_json: whether its log is in JSON.
    """

    name: str
    width: int
    is_json: bool

    def marked(self, line: str) -> str:
        """The line with the name."""
        if self.is_json and line.startswith("{"):
            return f'{{"pipeline": {json.dumps(self.name)}, {line[1:]}'
        return f"{self.name:<{self.width}} | {line}"


class Lines:
    """Two pipes for each pipeline, and the threads that pass on what comes; a context manager.

    The pipes are there before any process is forked, and stay through restarts of one; the
    threads, which no fork survives, begin with `start`.
    """

    def __init__(self, labels: Sequence[Label]) -> None:
        self._labels = labels
        self._pipes = [(os.pipe(), os.pipe()) for _ in labels]
        self._threads: list[threading.Thread] = []

    def __enter__(self) -> Lines:
        """The pipes are open."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Tell the rest; to be called when all processes are gone."""
        for pipes in self._pipes:
            for _, write in pipes:
                os.close(write)
        for thread in self._threads:
            thread.join(MOST_WAIT_S)

    def start(self) -> None:
        """Pass on what comes, on our own standard output and standard error."""
        lock = threading.Lock()
        for label, pipes in zip(self._labels, self._pipes, strict=True):
            for (read, _), stream in zip(pipes, (sys.stdout, sys.stderr), strict=True):
                thread = threading.Thread(
                    target=pass_on,
                    args=(read, label.marked, stream, lock),
                    name=f"millstream-{label.name}",
                    daemon=True,
                )
                thread.start()
                self._threads.append(thread)

    def take(self, number: int) -> None:
        """Let this process, forked from the one with the pipes, print into one's pipes."""
        sys.stdout.flush()
        sys.stderr.flush()
        for place, (_, write) in enumerate(self._pipes[number], 1):
            os.dup2(write, place)
        for pipes in self._pipes:
            for pipe in pipes:
                for descriptor in pipe:
                    os.close(descriptor)
        sys.stdout, sys.stderr = (
            os.fdopen(place, "w", 1, encoding="utf-8", errors="replace", closefd=False)
            for place in (1, 2)
        )


def pass_on(
    descriptor: int, marked: Callable[[str], str], stream: TextIO, lock: threading.Lock
) -> None:
    """Copy lines until the pipe ends; a stream that takes none any more holds nobody up."""
    is_open = True
    with os.fdopen(descriptor, "rb") as pipe:
        while line := pipe.readline(MOST_BYTES):
            text = line.decode("utf-8", "replace").removesuffix("\n")
            try:
                if is_open:
                    with lock:
                        stream.write(f"{marked(text)}\n")
                        stream.flush()
            except (OSError, ValueError):
                is_open = False
