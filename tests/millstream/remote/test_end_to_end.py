"""Pods lose their disks, one in the middle of an upload; the next one goes on where they were."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from millstream.remote.objects import ObjectStore
from millstream.rounds.store import RoundStore
from millstream.stack.mlflow import prepare_store
from registry import ModelRegistry

from ..project import Project, create_topic, make_project, make_rows
from ..test_kill import check_ranges_tile
from .server import Proxy

HISTORY = "\n[history]\nrows = 200\nholdout_rows = 100\n"


def pod(directory: Path, servers: str, topic: str, address: str, uri: str) -> Project:
    """The project on a machine of its own, with an empty disk."""
    project = make_project(directory, servers, topic, epochs=2)
    path = directory / "millstream.toml"
    remote = f'[service]\nstate_dir = "{address}"\nlease_seconds = 2\n'
    text = path.read_text().replace("[service]\n", remote)
    text = text.replace("[registry]\n", f'[registry]\ntracking_uri = "{uri}"\n')
    path.write_text(text + HISTORY)
    return project


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_pod_goes_on_where_another_lost_its_disk(
    kafka, topic: str, tmp_path: Path, proxy: Proxy, objects: ObjectStore
) -> None:
    uri = prepare_store(tmp_path / "mlflow")
    pods = [
        pod(tmp_path / name, kafka.bootstrap_servers, topic, objects.address, uri)
        for name in ("a", "b", "c")
    ]
    create_topic(kafka.bootstrap_servers, topic)
    idle = ("run", "--stop-when-idle", "0.5")

    sent = pods[0].produce(make_rows(700, seed=1))
    killed = pods[0].command(*idle, MILLSTREAM_FAULT="save.files:2")
    assert killed.code == -signal.SIGKILL, killed.output
    assert sorted(key for key in objects.sizes("rounds") if "SAVED" in key) == [
        "rounds/000000/SAVED"
    ]
    assert any(key.startswith("rounds/000001/weights.npz.") for key in objects.sizes("rounds"))
    shutil.rmtree(pods[0].state_dir)

    first = pods[1].command(*idle, "--rounds", "1")
    assert first.code == 0, first.output
    sent += pods[1].produce(make_rows(700, seed=2))
    killed = pods[1].command(*idle, MILLSTREAM_FAULT="save.after")
    assert killed.code == -signal.SIGKILL, killed.output
    shutil.rmtree(pods[1].state_dir)

    sent += pods[2].produce(make_rows(700, seed=3))
    finished = pods[2].command(*idle)
    assert finished.code == 0, finished.output
    store = RoundStore(pods[2].state_dir / "rounds")
    store.check_chain()
    numbers = check_ranges_tile(store, topic, sent)
    assert numbers == [1, 2, 3]
    versions = ModelRegistry(topic, uri, None, topic).versions()
    assert sorted(version.round for version in versions) == numbers
    assert all(folder.is_published for folder in store.complete())
    replayed = pods[2].command("replay", str(numbers[-1]))
    assert "bit for bit the same" in replayed.output, replayed.output
    leftovers = [key for key in objects.sizes("rounds") if "/000001/weights" in key]
    assert len(leftovers) == 1
    assert "hidden-secret" not in killed.output + finished.output
