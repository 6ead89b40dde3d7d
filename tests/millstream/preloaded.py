"""Commands as processes that have the large libraries already: forked from one with them.

A command spends most of its time on imports, and a test of kills starts dozens. Each is a
process of its own all the same. `Project.start` starts one from nothing, as a user does.
"""

from __future__ import annotations

import multiprocessing
import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

__all__ = ["call"]

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
    "matplotlib.backends.backend_agg",
    "millstream.cli.run",
    "millstream.cli.workers",
    "millstream.replay",
    "millstream.service",
    "mlflow.pyfunc",
    "mlflow.store.model_registry.sqlalchemy_workspace_store",
    "mlflow.store.tracking.sqlalchemy_workspace_store",
    "numba.experimental",
    "numba.typed",
    "pyarrow.pandas_compat",
    "registry.predictor",
    "rich.logging",
    "sqlalchemy.dialects.sqlite",
    "tests.millstream.warm",  # the last, as it tells the collector to leave the others alone
]


def call(
    arguments: Sequence[str],
    directory: Path,
    environment: Mapping[str, str],
    output: Path,
    timeout_s: float,
) -> int | None:
    """Run a command; its exit code as of `Popen`, or None if it had to be killed for its time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(PRELOADED)
    process = context.Process(target=main, args=(arguments, directory, environment, output))
    process.start()
    process.join(timeout_s)
    late = process.is_alive()
    if late:
        process.kill()
        process.join()
    code = process.exitcode
    process.close()
    return None if late else code


def main(
    arguments: Sequence[str], directory: Path, environment: Mapping[str, str], output: Path
) -> None:
    """What `python -m millstream` does, in the forked process."""
    os.chdir(directory)
    os.environ.clear()
    os.environ.update(environment)
    with output.open("wb") as file:
        os.dup2(file.fileno(), 1)
        os.dup2(file.fileno(), 2)
    sys.stdout, sys.stderr = (os.fdopen(os.dup(n), "w", buffering=1) for n in (1, 2))
    sys.argv = ["millstream", *arguments]
    from millstream.cli import main as command_line
    from millstream.cli.terminal import console

    # It was made where the libraries were loaded, with the environment of then.
    console.width = int(environment.get("COLUMNS", 160))
    command_line()
