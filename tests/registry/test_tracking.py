"""The run of a service: curves with rounds as steps, each point once."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from registry import ModelRegistry, ServiceRun, StoreError, TrackedRound, metric_name
from registry.tracking import RUN_NAME


def rounds(first: int, last: int) -> list[TrackedRound]:
    return [
        TrackedRound(number, 1_700_000_000_000 + number, {"prequential/learner_auc": number / 10})
        for number in range(first, last + 1)
    ]


def points(registry: ModelRegistry, run_id: str, name: str) -> list[tuple[int, float]]:
    from mlflow import MlflowClient

    history = MlflowClient(registry.tracking_uri).get_metric_history(run_id, name)
    return sorted((point.step, point.value) for point in history)


def test_rounds_told_again_are_there_once(flights: ModelRegistry, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    run = flights.service_run("lineage-1")
    assert run.last_round() == 0
    picture = tmp_path / "prequential.png"
    picture.write_bytes(b"first")
    run_id = run.add(rounds(1, 2), {"prequential.png": picture})
    assert run.last_round() == 2
    picture.write_bytes(b"second")
    again = flights.service_run("lineage-1")
    assert again.add(rounds(1, 3), {"prequential.png": picture}) == run_id
    assert again.last_round() == 3
    expected = [(1, 0.1), (2, 0.2), (3, 0.3)]
    assert points(flights, run_id, "prequential/learner_auc") == expected
    client = MlflowClient(flights.tracking_uri)
    seen = client.get_run(run_id)
    assert (seen.info.run_name, seen.info.status) == (RUN_NAME, "RUNNING")
    path = client.download_artifacts(run_id, "prequential.png", str(tmp_path))
    assert Path(path).read_bytes() == b"second"


def test_a_kill_between_points_and_tag_is_made_good(
    flights: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    from mlflow import MlflowClient

    with monkeypatch.context() as patch:
        patch.setattr(MlflowClient, "set_tag", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            flights.service_run("lineage-1").add(rounds(1, 1), {})
    run = flights.service_run("lineage-1")
    assert run.last_round() == 0
    run_id = run.add(rounds(1, 1), {})
    assert points(flights, run_id, "prequential/learner_auc") == [(1, 0.1)]


def test_each_lineage_has_its_run_and_no_version(flights: ModelRegistry, publication) -> None:
    version = flights.publish(publication())
    one = flights.service_run("lineage-1").add(rounds(1, 1), {})
    two = flights.service_run("lineage-2").add(rounds(1, 1), {})
    assert len({one, two, version.run_id}) == 3
    assert flights.versions() == [version]
    assert isinstance(flights.service_run("lineage-1"), ServiceRun)


def test_a_server_that_is_down_is_named() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"http://127.0.0.1:{free.getsockname()[1]}"
    run = ModelRegistry("flights", address).service_run("lineage-1")
    with pytest.raises(StoreError, match="no MLflow server answers"):
        run.add(rounds(1, 1), {})


def test_names_are_what_mlflow_takes() -> None:
    assert metric_name("slices", "carrier", "A/B*ü", "auc") == "slices/carrier/A_B__/auc"
    assert metric_name("a", "") == "a/_"
    assert len(metric_name("a" * 300, "b")) == 250
