"""A real MLflow server: over PostgreSQL, artifacts passed through it, for users that it knows."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path

import mlflow
import pytest
from gateway import TOKEN, Gateway, running_gateway
from servers import ADMIN, ADMIN_PASSWORD, MlflowServer, Postgres, find_postgres

from registry import ModelRegistry, Publication, StoreRefused, StoreUnavailable
from registry.store import RETRIES

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    programs = find_postgres()
    if programs is None and not os.environ.get("CI"):
        pytest.skip("there is no PostgreSQL: apt install postgresql")
    assert programs is not None, ".ci/run installs PostgreSQL"
    with Postgres(programs) as running:
        yield running


@pytest.fixture(scope="module")
def server(postgres: Postgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[MlflowServer]:
    running = MlflowServer(postgres.uri, tmp_path_factory.mktemp("server"))
    running.start()
    yield running
    running.kill()


@pytest.fixture
def gateway(server: MlflowServer, monkeypatch: pytest.MonkeyPatch) -> Iterator[Gateway]:
    """Lets in who has the token."""
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", TOKEN)
    monkeypatch.setenv(RETRIES, "0")
    with running_gateway(server.port, (ADMIN, ADMIN_PASSWORD)) as running:
        yield running


@pytest.fixture
def user(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server knows us."""
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", ADMIN)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", ADMIN_PASSWORD)


@pytest.mark.usefixtures("user")
def test_versions_and_artifacts(server: MlflowServer, samples, publication, tmp_path: Path) -> None:
    flights = ModelRegistry("flights", server.url)
    assert flights.champion() is None
    first = flights.publish(publication())
    flights.publish(publication(round=2, promote=False))
    assert flights.publish(publication()) == flights.champion()
    assert [(v.version, "champion" in v.aliases) for v in flights.versions()] == [
        (1, True),
        (2, False),
    ]
    assert flights.tflite(first) == samples["mlp"].tflite
    pulled = flights.pull("flights", tmp_path / "out")
    assert pulled.version == 1
    assert (tmp_path / "out" / "model.tflite").read_bytes() == samples["mlp"].tflite
    note = tmp_path / "note.txt"
    note.write_text("seen")
    flights.log_file(first, note)
    (served,) = (server.folder / "served").rglob("note.txt")
    assert served.read_text() == "seen"
    assert flights.promote(2).aliases.count("champion") == 1
    assert flights.rollback().version == 1
    assert [move.to_version for move in flights.journal()] == [1, 2, 1]
    third = flights.publish(publication(round=3, compared_with=1))
    assert third.aliases == ("champion",)
    assert len(list((server.folder / "served").rglob("model/MLmodel"))) == 3
    assert flights.prune(1).deleted == (2,)
    left = {path.parts[-4] for path in (server.folder / "served").rglob("model/MLmodel")}
    assert left == {first.run_id, third.run_id}
    assert [move.to_version for move in flights.journal()] == [1, 2, 1, 3]


@pytest.mark.parametrize("password", ["", "a-wrong-one"])
def test_who_is_not_known_is_told_how_to_say_it(
    server: MlflowServer, monkeypatch: pytest.MonkeyPatch, password: str
) -> None:
    if password:
        monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", ADMIN)
        monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", password)
    with pytest.raises(StoreRefused, match=r"401 .*set MLFLOW_TRACKING_USERNAME and") as caught:
        ModelRegistry("flights", server.url).champion()
    told = "".join(traceback.format_exception(caught.value))
    assert not password or password not in told


def test_a_token_lets_in(
    gateway: Gateway, publication, samples, monkeypatch: pytest.MonkeyPatch
) -> None:
    tokens = ModelRegistry("tokens", gateway.url)
    assert tokens.publish(publication()).version == 1
    assert tokens.tflite(1) == samples["mlp"].tflite
    monkeypatch.setenv("MLFLOW_TRACKING_TOKEN", "another-token")
    with pytest.raises(StoreRefused, match="401") as caught:
        tokens.champion()
    assert "another-token" not in "".join(traceback.format_exception(caught.value))


def test_a_database_that_is_away_is_no_mistake_of_ours(
    gateway: Gateway, postgres: Postgres, publication
) -> None:
    patient = ModelRegistry("patient", gateway.url)
    first = patient.publish(publication())
    postgres.stop()
    with pytest.raises(StoreUnavailable):
        patient.champion()
    postgres.start()
    assert patient.champion() == first


def test_the_database_itself_can_be_the_store(server: MlflowServer, postgres: Postgres) -> None:
    assert ModelRegistry("nothing", postgres.uri).champion() is None
    wrong = postgres.uri.replace(postgres.password, "a-wrong-one")
    with pytest.raises(StoreUnavailable, match="password authentication failed") as caught:
        ModelRegistry("nothing", wrong).champion()
    assert "a-wrong-one" not in "".join(traceback.format_exception(caught.value))


def test_a_server_killed_in_the_middle_of_an_upload_has_no_half_version(
    gateway: Gateway,
    server: MlflowServer,
    samples,
    publication: Callable[..., Publication],
    tmp_path: Path,
) -> None:
    killed = ModelRegistry("killed", gateway.url)
    first = killed.publish(publication())
    gateway.in_the_middle = server.kill
    report = tmp_path / "report.bin"
    report.write_bytes(os.urandom(4 << 20))
    second = publication(round=2, compared_with=1, files={"report.bin": report})
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            killed.publish(second)
    gateway.in_the_middle = None
    server.start()
    assert killed.versions() == [killed.champion()] == [first]
    version = killed.publish(second)
    assert killed.publish(second) == killed.champion() == version
    assert [v.round for v in killed.versions()] == [1, 2]
    assert killed.tflite(version) == samples["mlp"].tflite
    client = mlflow.MlflowClient(gateway.url)
    runs = client.search_runs([client.get_experiment_by_name("killed").experiment_id])
    found = {run.info.run_id: run.info.status for run in runs}
    assert found == {first.run_id: "FINISHED", version.run_id: "FINISHED"}
    path = client.download_artifacts(version.run_id, "report.bin", str(tmp_path / "again"))
    assert Path(path).read_bytes() == report.read_bytes()
