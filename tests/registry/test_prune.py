"""Pruning: what goes, what stays and why, what storage holds afterwards; cut short anywhere."""

from __future__ import annotations

from pathlib import Path

import pytest
from mlflow import MlflowClient
from quick_versions import BYTES, aliases, moves, quick_publication, quick_publish, quick_version

from registry import ModelRegistry, RegistryError, VersionNotFound


def stored(tmp_path: Path) -> int:
    """How many versions' artifacts are in storage, by their bytes."""
    files = [path for path in (tmp_path / "artifacts").rglob("*") if path.is_file()]
    assert all(path.stat().st_size == BYTES for path in files)
    return len(files)


def numbers(registry: ModelRegistry) -> list[int]:
    return [version.version for version in registry.versions()]


@pytest.fixture
def eight(flights: ModelRegistry) -> ModelRegistry:
    """Version 2 is what 3 was compared with, 3 the champion by roll-back, 5 refused."""
    for number in (1, 2, 3, 4):
        quick_publish(flights, number, tags={"millstream.parent_version": str(number - 1)})
    quick_publish(flights, 5, promote=False)
    for number in (6, 7):
        quick_publish(flights, number, tags={"millstream.parent_version": "4"})
    MlflowClient(flights.tracking_uri).create_model_version("flights", "/somewhere")
    flights.rollback(3, "7 is bad")
    return flights


def test_what_goes_and_what_stays(eight: ModelRegistry, tmp_path: Path) -> None:
    before = aliases(eight)
    assert before == {"champion": 3, "previous": 7, "candidate": 5}
    planned = eight.prune(2, dry_run=True)
    assert numbers(eight) == list(range(1, 9))
    assert stored(tmp_path) == 7
    journal, runs = moves(eight), [v.run_id for v in eight.versions()]
    done = eight.prune(2)
    assert done == planned
    assert done.deleted == (1, 6)
    assert done.kept == {
        2: "version 3, champion, was compared with it",
        3: "is champion",
        4: "version 7, previous, was compared with it",
        5: "is candidate",
    }
    assert numbers(eight) == [2, 3, 4, 5, 7, 8]
    assert stored(tmp_path) == 5
    assert aliases(eight) == before
    assert moves(eight) == journal
    run = MlflowClient(eight.tracking_uri).get_run(runs[0])
    assert run.data.metrics == {"test_auc": 0.51, "records": 100.0}
    assert run.data.tags["millstream.pruned"] == "done"
    assert eight.prune(2).deleted == ()
    with pytest.raises(VersionNotFound):
        eight.rollback(1)


def test_storage_stays_bounded(flights: ModelRegistry, tmp_path: Path) -> None:
    for number in range(5):
        quick_publish(flights, number)
        flights.prune(2)
        assert stored(tmp_path) <= 2
    assert numbers(flights) == [4, 5]
    assert [to for _, _, to, _ in moves(flights)] == [1, 2, 3, 4, 5]


def test_what_others_made_is_left_alone(flights: ModelRegistry, tmp_path: Path) -> None:
    """Versions of others, other models' versions of the same run, rounds that are not decided."""
    client = MlflowClient(flights.tracking_uri)
    shared = quick_publish(flights, 1)
    client.create_registered_model("elsewhere")
    client.create_model_version("elsewhere", "/somewhere", shared.run_id)
    client.create_model_version("flights", "/somewhere")
    quick_version(flights, quick_publication(3))
    for number in (4, 5):
        quick_publish(flights, number)
    assert flights.prune(1).kept == {
        1: "elsewhere/1 is made of its run, too",
        2: "was not published by millstream",
        3: "is not decided yet",
        4: "is previous",
    }
    assert stored(tmp_path) == 4


def test_runs_that_somebody_deleted_stop_nothing(flights: ModelRegistry, tmp_path: Path) -> None:
    """In MLflow's trash, or gone for good, as after `mlflow gc`; that of the champion, too."""
    for number in range(1, 6):
        quick_publish(flights, number)
    client = MlflowClient(flights.tracking_uri)
    runs = {version.version: version.run_id for version in flights.versions()}
    for number in (2, 3, 5):
        client.delete_run(runs[number])
    for number in (3, 5):
        client._tracking_client.store._hard_delete_run(runs[number])
    planned = flights.prune(1, dry_run=True)
    done = flights.prune(1)
    assert done == planned
    assert done.deleted == (1,)
    assert done.kept[2].startswith(f"its run {runs[2]} is deleted")
    assert done.kept[3].startswith(f"its run {runs[3]} is gone")
    assert numbers(flights) == [2, 3, 4, 5]
    assert stored(tmp_path) == 4
    champion = flights.champion()
    assert champion is not None
    assert (champion.version, champion.metrics) == (5, {})
    assert quick_publish(flights, 6).aliases == ("champion",)
    assert [entry.to_version for entry in flights.journal()] == [1, 2, 3, 4, 5, 6]


def test_nothing_to_prune(flights: ModelRegistry) -> None:
    assert flights.prune(1).deleted == ()
    with pytest.raises(RegistryError, match="at least 1"):
        flights.prune(0)


@pytest.mark.parametrize(
    "step", ["prune_begun", "turn", "version_deleted", "artifacts_deleted", "prune_done"]
)
def test_cut_short_anywhere(flights: ModelRegistry, tmp_path: Path, step: str) -> None:
    """A version never loses its artifacts before it is gone, and the next pruning goes on."""
    for number in (1, 2, 3):
        quick_publish(flights, number)
    journal = moves(flights)

    def stop(at: str) -> None:
        if at == step:
            raise KeyboardInterrupt

    broken = ModelRegistry("flights", flights.tracking_uri, on_step=stop)
    with pytest.raises(KeyboardInterrupt):
        broken.prune(1)
    assert stored(tmp_path) >= len(numbers(flights))
    flights.prune(1)
    assert numbers(flights) == [2, 3]  # 2 is previous
    assert stored(tmp_path) == 2
    assert moves(flights) == journal
