"""Two workers, a folder that they share, and a store that outlives it."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from millstream.remote.objects import ObjectStore
from millstream.rounds.store import RoundStore
from millstream.stack.mlflow import prepare_store

from ..project import create_topic, make_rows
from ..test_kill import check_ranges_tile
from .test_end_to_end import pod


@pytest.mark.slow
@pytest.mark.long
@pytest.mark.timeout(900)
def test_two_workers_go_on_after_their_folder_was_lost(
    kafka, topic: str, tmp_path: Path, objects: ObjectStore
) -> None:
    uri = prepare_store(tmp_path / "mlflow")
    project = pod(tmp_path / "p", kafka.bootstrap_servers, topic, objects.address, uri)
    create_topic(kafka.bootstrap_servers, topic)
    run = ("run", "--workers", "2", "--rounds", "1", "--stop-when-idle", "3")
    sent = 0
    for seed in range(2):
        sent += project.produce(make_rows(700, seed=seed))
        finished = project.command(*run, timeout=400)
        assert finished.code == 0, finished.output
        shutil.copytree(project.state_dir, tmp_path / f"copy-{seed}")
        shutil.rmtree(project.state_dir)
    assert check_ranges_tile(RoundStore(tmp_path / "copy-1" / "rounds"), topic, sent) == [1, 2]
