"""Commands as processes that have the large libraries already: forked from one with them.

A command spends most of its time on imports, and a test of kills starts dozens. Each is a
process of its own all the same. Other tests (`test_cli.py`, `test_readme.py`) start some from
nothing, as a user does.
"""

from __future__ import annotations

import atexit
import multiprocessing
import os
import runpy
import sys
import tempfile
from collections.abc import Mapping, Sequence
from multiprocessing.context import ForkServerContext
from pathlib import Path

__all__ = ["Started", "forking"]

PRELOADED = [
    "trainer",
    "ai_edge_litert.interpreter",
    "ai_edge_litert.schema_py_generated",
    "alembic.command",
    "alembic.config",
    "cffi.cparser",
    "ingest.formats.json.parse",
    "ingest.kafka.per_record",
    "ingest.kafka.seam",
    "ingest.kafka.source",
    "ingest.rows_file",
    "ingest.stream.tf_dataset",
    "matplotlib.backends.backend_agg",
    "millstream.cli.run",
    "millstream.cli.workers",
    "millstream.remote.opening",
    "millstream.replay.replay",
    "millstream.service",
    "mlflow.pyfunc",
    "mlflow.store.model_registry.sqlalchemy_workspace_store",
    "mlflow.store.tracking.sqlalchemy_workspace_store",
    "numba.experimental",
    "numba.typed",
    "pyarrow.pandas_compat",
    "registry.predictor",
    "rich.logging",
    "s3fs",
    "sqlalchemy.dialects.sqlite",
    "tests.millstream.warm",  # the last, as it tells the collector to leave the others alone
]


def forking() -> ForkServerContext:
    """Where all tests fork from: a process has one such server, which whoever is first begins."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    return context


class Started:
    """A command that runs; what `subprocess.Popen` says of it, in the same words.

    It is one of millstream, or a program: the path of a Python file.
    """

    def __init__(
        self,
        arguments: Sequence[str],
        directory: Path,
        environment: Mapping[str, str],
        program: Path | None = None,
    ) -> None:
        self._output = tempfile.NamedTemporaryFile()  # noqa: SIM115 - it lives as long as we do
        given = (arguments, directory, dict(environment), Path(self._output.name), program)
        self._process = forking().Process(target=main, args=given)
        self._process.start()
        atexit.register(self._process.kill)
        self.pid = self._process.pid

    @property
    def returncode(self) -> int | None:
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def send_signal(self, number: int) -> None:
        if self._process.is_alive():
            os.kill(self.pid, number)

    def kill(self) -> None:
        self._process.kill()

    def wait(self, timeout: float | None = None) -> int | None:
        """Its exit code; None if it did not end in time."""
        self._process.join(timeout)
        return self.returncode

    def communicate(self, timeout: float | None = None) -> tuple[str, None]:
        """All that it printed; it is killed if it does not end in time."""
        if self.wait(timeout) is None:
            self.kill()
            self.wait()
        return Path(self._output.name).read_text(), None


def main(
    arguments: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    output: Path,
    program: Path | None = None,
) -> None:
    """What `python -m millstream` or `python PROGRAM` does, in the forked process."""
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    with output.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(os.dup(n), "w", buffering=1) for n in (1, 2))
    sys.argv = [str(program or "millstream"), *arguments]
    if program is not None:
        sys.path.insert(0, str(program.parent))
        runpy.run_path(str(program), run_name="__main__")
        return
    from millstream.cli import main as command_line
    from millstream.cli.terminal import console

    # It was made where the libraries were loaded, with the environment of then.
    console.width = int(environment.get("COLUMNS", 160))
    command_line()
