"""The local MLflow: a store made exactly once, a server that ends with us."""

from __future__ import annotations

import json
import signal
import socket
import sqlite3
from contextlib import closing
from importlib.metadata import version
from pathlib import Path

import mlflow
import psutil
import pytest

from millstream.errors import StackError
from millstream.stack.mlflow import MlflowServer, prepare_store

PREPARE = """
import sys
from pathlib import Path
from millstream.stack.mlflow import prepare_store

print(prepare_store(Path(sys.argv[1])), "mlflow" in sys.modules)
"""
OWNER = """
import sys, time
from pathlib import Path
from millstream.stack.mlflow import MlflowServer, prepare_store

state = Path(sys.argv[1])
server = MlflowServer(prepare_store(state), state / "mlartifacts")
server.start()
print(server.pid, flush=True)
time.sleep(600)
"""


def experiments(state: Path) -> list[tuple[str, str]]:
    with closing(sqlite3.connect(state / "mlflow.db")) as connection:
        return connection.execute("SELECT name, artifact_location FROM experiments").fetchall()


@pytest.mark.parametrize("cache", ["empty", "warm"])
def test_two_processes_at_once(tmp_path, spawn, monkeypatch, cache):
    if cache == "empty":
        monkeypatch.setenv("MILLSTREAM_CACHE", str(tmp_path / "cache"))
    state = tmp_path / "state"
    both = [spawn(PREPARE, state), spawn(PREPARE, state)]
    assert {process.communicate(timeout=120)[0] for process in both} == {
        f"sqlite:///{state}/mlflow.db False\n"
    }
    assert experiments(state) == [("Default", f"{state}/mlartifacts/0")]


def test_an_opened_store_is_left_as_it_is(tmp_path):
    uri = prepare_store(tmp_path)
    client = mlflow.MlflowClient(tracking_uri=uri)
    client.create_experiment("mine", artifact_location=str(tmp_path / "mlartifacts" / "mine"))
    before = (tmp_path / "mlflow.db").read_bytes()
    assert prepare_store(tmp_path) == uri
    assert (tmp_path / "mlflow.db").read_bytes() == before


def test_a_store_of_another_mlflow_is_upgraded_beside_a_copy(tmp_path):
    uri = prepare_store(tmp_path)
    mlflow.MlflowClient(tracking_uri=uri).create_experiment("kept")
    (tmp_path / "mlflow.json").write_text('{"mlflow": "3.0.0"}')
    assert prepare_store(tmp_path) == uri
    assert json.loads((tmp_path / "mlflow.json").read_text()) == {"mlflow": version("mlflow")}
    assert "kept" in dict(experiments(tmp_path))
    assert (tmp_path / "mlflow.db.before-upgrade").exists()


def test_a_file_that_is_no_store_is_an_error(tmp_path):
    (tmp_path / "mlflow.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StackError, match=r"mlflow\.db: expected MLflow's SQLite store"):
        prepare_store(tmp_path)
    assert not (tmp_path / "mlflow.json").exists()


def test_a_server_serves_the_store_and_artifacts(tmp_path):
    uri = prepare_store(tmp_path)
    with MlflowServer(uri, tmp_path / "mlartifacts") as server:
        client = mlflow.MlflowClient(tracking_uri=server.url)
        run = client.create_run(client.create_experiment("served"))
        client.log_text(run.info.run_id, "hello", "a.txt")
        fetched = client.download_artifacts(run.info.run_id, "a.txt", str(tmp_path))
        assert Path(fetched).read_text() == "hello"
        listening = [
            connection.laddr.ip
            for connection in psutil.Process(server.pid).net_connections("tcp")
            if connection.status == psutil.CONN_LISTEN
        ]
        assert listening == ["127.0.0.1"]
        assert psutil.Process(server.pid).children() == []
    assert not server.running
    local = mlflow.MlflowClient(tracking_uri=uri)
    assert local.get_run(run.info.run_id).info.experiment_id == run.info.experiment_id
    assert [path.read_text() for path in (tmp_path / "mlartifacts").rglob("a.txt")] == ["hello"]


def test_it_dies_with_a_killed_owner(tmp_path, spawn, wait_until, gone):
    owner = spawn(OWNER, tmp_path)
    pid = int(owner.stdout.readline())
    owner.send_signal(signal.SIGKILL)
    wait_until(lambda: gone(pid), "the server's end")


def test_a_taken_port_is_an_error(tmp_path):
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(StackError, match=f"127.0.0.1:{port}.*another port"):
            MlflowServer("sqlite://", tmp_path, port=port).start()


def test_a_start_that_fails_shows_the_log(tmp_path):
    server = MlflowServer("nonsense://store", tmp_path / "mlartifacts")
    with pytest.raises(StackError, match=r"(?s)mlflow\.log.*registry\.tracking_uri"):
        server.start()
    assert server.pid is None
