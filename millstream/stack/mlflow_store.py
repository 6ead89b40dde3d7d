"""The local MLflow store: one SQLite file in the state folder, created exactly once.

MLflow's own start on an empty file takes seconds and fails when two processes do it at once. So an
empty store is made once per MLflow version, in the cache; a new project gets a copy.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

from millstream.durable import make_folder, read_json, write_json
from millstream.errors import StackError
from millstream.stack.cache import cache_folder, locked

__all__ = ["prepare_store"]

OPEN_STORE = Path(__file__).with_name("open_store.py")
ARTIFACTS = "mlartifacts"


def prepare_store(state_dir: Path) -> str:
    """The tracking URI of the state folder's store; it is created, or upgraded, when it has to be.

    Safe to call from several processes at once. A store of an older MLflow is copied aside before
    it is upgraded.

    Raises:
        StackError: MLflow cannot create or upgrade the store; then with what it said.
    """
    state_dir = Path(state_dir).absolute()
    database = state_dir / "mlflow.db"
    marker = state_dir / "mlflow.json"
    if not _ready(database, marker):
        make_folder(state_dir)
        with locked(state_dir / "mlflow.lock"):
            if not _ready(database, marker):
                if database.exists():
                    _upgrade(database)
                else:
                    _create(database, state_dir / ARTIFACTS)
                write_json(marker, {"mlflow": version("mlflow")})
    return f"sqlite:///{database}"


def _ready(database: Path, marker: Path) -> bool:
    if not (database.exists() and marker.exists()):
        return False
    return bool(read_json(marker).get("mlflow") == version("mlflow"))


def _create(database: Path, artifacts: Path) -> None:
    part = database.with_name(f"{database.name}.part")
    shutil.copyfile(_empty_store(), part)
    with closing(sqlite3.connect(part)) as connection, connection:
        connection.execute(
            "UPDATE experiments SET artifact_location = ? WHERE experiment_id = 0",
            (f"{artifacts}/0",),
        )
    part.replace(database)


def _empty_store() -> Path:
    cached = cache_folder() / f"mlflow-{version('mlflow')}.db"
    if not cached.exists():
        with locked(cached.with_suffix(".lock")):
            if not cached.exists():
                with tempfile.TemporaryDirectory(dir=cached.parent) as folder:
                    fresh = Path(folder) / "mlflow.db"
                    command = [sys.executable, "-P", str(OPEN_STORE), f"sqlite:///{fresh}"]
                    _run(command, Path(folder))
                    fresh.replace(cached)
    return cached


def _upgrade(database: Path) -> None:
    aside = database.with_suffix(".db.before-upgrade")
    try:
        with closing(sqlite3.connect(database)) as source, closing(sqlite3.connect(aside)) as copy:
            source.backup(copy)
    except sqlite3.DatabaseError as error:
        raise StackError(
            f"{database}: expected MLflow's SQLite store, got a file that SQLite refuses ({error});"
            " move it away to begin anew"
        ) from error
    uri = f"sqlite:///{database}"
    _run([sys.executable, "-P", "-m", "mlflow", "db", "upgrade", uri], database.parent)
    with tempfile.TemporaryDirectory() as folder:
        _run([sys.executable, "-P", str(OPEN_STORE), uri], Path(folder))


def _run(command: list[str], folder: Path) -> None:
    env = {**os.environ, "MLFLOW_DISABLE_TELEMETRY": "true"}
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, check=False)
    if done.returncode != 0:
        said = done.stderr.decode("utf-8", "replace")[-2000:]
        raise StackError(
            f"MLflow could not prepare {command[-1]}; it said:\n{said}\n"
            "move the file away to begin anew, or set registry.tracking_uri to a server"
        )
