"""MLflow is away: rounds go on and wait in their folders, and are published in order, each once."""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest

from millstream.durable import read_as
from millstream.rounds.store import RoundStore
from millstream.stack.kafka import EmbeddedKafka
from millstream.stack.mlflow import MlflowServer, prepare_store
from millstream.watch.board import LiveState
from registry import ModelRegistry

from .project import Finished, Project, create_topic, make_project, make_rows

ROUNDS = 4


@pytest.fixture
def server(tmp_path: Path) -> Iterator[MlflowServer]:
    """A server that has an address, and does not run."""
    folder = tmp_path / "server"
    folder.mkdir()
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    stopped = MlflowServer(prepare_store(folder), folder / "artifacts", port=port)
    yield stopped
    stopped.stop()


def until(happened: Callable[[], bool], running: threading.Thread) -> None:
    """Wait for something while a thread runs."""
    deadline = time.monotonic() + 200
    while not happened():
        assert running.is_alive()  # else it has ended before
        assert time.monotonic() < deadline
        time.sleep(0.05)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_server_that_is_down_and_is_killed(
    kafka: EmbeddedKafka, topic: str, tmp_path: Path, server: MlflowServer
) -> None:
    create_topic(kafka.bootstrap_servers, topic)
    project = make_project(tmp_path / "project", kafka.bootstrap_servers, topic, keep_rounds=1)
    settings = project.directory / "millstream.toml"
    text = settings.read_text().replace("[registry]", f'[registry]\ntracking_uri = "{server.url}"')
    settings.write_text(text.replace("[trigger]", "[trigger]\nmax_records = 500"))
    store, uploads = RoundStore(project.state_dir / "rounds"), server.artifact_root
    ended: list[Finished] = []

    def run() -> None:
        ended.append(project.command("run", "--rounds", str(ROUNDS), timeout=400))

    def published() -> int:
        return sum(folder.is_published for folder in store.complete()[1:])

    project.produce(make_rows(1000, seed=1))
    service = threading.Thread(target=run)
    service.start()
    until(lambda: len(store.complete()) > 2, service)
    until(lambda: live(project).waiting == 2, service)
    assert live(project).waiting_why.startswith(f"no MLflow server answers at {server.url}")
    server.start()
    until(lambda: any(uploads.rglob("MLmodel")), service)
    os.kill(server.pid or 0, signal.SIGKILL)  # in the middle of a publication
    assert published() == 0
    project.produce(make_rows(500, seed=2))
    until(lambda: len(store.complete()) > 3, service)
    server.start()
    until(lambda: published() == 3, service)
    project.produce(make_rows(500, seed=3))
    service.join(200)
    (finished,) = ended
    assert finished.code == 0, finished.output
    check(project, server, finished)


def live(project: Project) -> LiveState:
    state = read_as(project.state_dir / "status.json", LiveState)
    assert state is not None
    return state


def check(project: Project, server: MlflowServer, finished: Finished) -> None:
    rounds = RoundStore(project.state_dir / "rounds").complete()[1:]
    versions = ModelRegistry(project.topic, server.url).versions()
    assert [version.round for version in versions] == [folder.number for folder in rounds]
    outcomes = [folder.published() or {} for folder in rounds]
    assert [outcome["version"] for outcome in outcomes] == [v.version for v in versions]
    client = mlflow.MlflowClient(server.url)
    experiment = client.get_experiment_by_name(project.topic)
    assert experiment is not None
    runs = client.search_runs([experiment.experiment_id], "tags.`millstream.round` != ''")
    assert sorted(run.info.run_id for run in runs) == sorted(v.run_id for v in versions)
    assert {run.info.status for run in runs} == {"FINISHED"}
    compared = [outcome["champion_version"] for outcome in outcomes]
    assert compared[0] is None
    assert compared == sorted(compared, key=lambda number: number or 0)
    assert finished.output.count("training goes on, and rounds wait until MLflow takes them") <= 4
    assert "has waited and is published: version 1" in finished.output
    assert live(project).waiting == 0
