"""Publishing: once per round, everything in its place, aliases right."""

from __future__ import annotations

import gzip
import json
import socket
from dataclasses import replace
from datetime import UTC
from pathlib import Path

import pytest
from keras_models import Sample

from registry import (
    Artifact,
    LadderSettings,
    ModelRegistry,
    PublicationError,
    Quantizer,
    StoreError,
    Subject,
    VersionNotFound,
    ladder,
)


def test_a_version_tells_what_it_is(
    flights: ModelRegistry, publication, samples: dict[str, Sample], quantizer: Quantizer
) -> None:
    small = ladder(Subject(samples["mlp"].tflite), LadderSettings(), quantizer)[-1]
    version = flights.publish(publication(round=4, artifact=small))
    assert (version.name, version.version, version.round) == ("flights", 1, 4)
    assert (version.rung, version.bytes) == ("pruned_int8", len(small.tflite))
    assert version.gzip_bytes == len(gzip.compress(small.tflite, 9, mtime=0))
    assert version.metrics == {"auc": 0.75, "rows": 1000.0}
    assert version.promoted
    assert version.reason == "better by 0.01"
    assert version.aliases == ("champion",)
    assert version.tags["millstream.seed"] == "11"
    assert version.tags["millstream.round"] == "4"
    assert version.created.tzinfo is UTC
    assert flights.version(1) == flights.champion() == version
    assert flights.versions() == [version]
    assert flights.tflite(version) == flights.tflite(1) == small.tflite
    assert flights.schema(version) == publication().schema


def test_the_run_holds_everything(
    flights: ModelRegistry, publication, samples: dict[str, Sample], tmp_path: Path
) -> None:
    from mlflow import MlflowClient

    report = tmp_path / "report.json"
    report.write_text('{"epochs": 3}')
    version = flights.publish(
        publication(files={"report.json": report, "plots/curve.json": report})
    )
    client = MlflowClient(flights.tracking_uri)
    run = client.get_run(version.run_id)
    assert run.info.status == "FINISHED"
    assert run.data.params == {"epochs": "3"}
    assert run.data.tags["millstream.round"] == "1"
    folder = Path(client.download_artifacts(version.run_id, "", str(tmp_path)))
    assert json.loads((folder / "plots" / "curve.json").read_text()) == {"epochs": 3}
    packed = (folder / "float32" / "model.tflite.gzip").read_bytes()
    assert gzip.decompress(packed) == samples["mlp"].tflite
    assert (folder / "model" / "MLmodel").is_file()
    assert str(tmp_path / "artifacts") in run.info.artifact_uri


def test_publishing_again_changes_nothing(flights: ModelRegistry, publication) -> None:
    first = flights.publish(publication())
    again = flights.publish(publication(reason="said otherwise", promote=False))
    assert again == first
    assert flights.versions() == [first]


def test_rounds_and_lineages_have_versions_of_their_own(
    flights: ModelRegistry, publication
) -> None:
    for number in (1, 2, 3):
        flights.publish(publication(round=number))
    other = flights.publish(publication(round=2, lineage="another-folder"))
    assert [v.round for v in flights.versions()] == [1, 2, 3, 2]
    assert other.version == 4
    assert flights.publish(publication(round=2)).version == 2


def test_versions_are_sorted_by_number(flights: ModelRegistry, publication) -> None:
    for number in range(12):
        flights.publish(publication(round=number))
    assert [v.version for v in flights.versions()] == list(range(1, 13))


def test_a_refused_version_is_registered_but_not_promoted(
    flights: ModelRegistry, publication
) -> None:
    first = flights.publish(publication())
    refused = flights.publish(publication(round=2, promote=False, reason="worse by 0.02"))
    assert (refused.promoted, refused.reason) == (False, "worse by 0.02")
    assert refused.aliases == ("candidate",)
    assert flights.champion() == first


def test_no_champion_yet(flights: ModelRegistry, publication) -> None:
    assert flights.champion() is None
    assert flights.versions() == []
    flights.publish(publication(promote=False))
    assert flights.champion() is None


def test_a_roll_back_survives_publishing_again(flights: ModelRegistry, publication) -> None:
    flights.publish(publication())
    flights.publish(publication(round=2, compared_with=1))
    assert flights.promote(1).aliases == ("champion",)
    flights.publish(publication(round=2, compared_with=1))
    assert flights.champion().version == 1


def test_an_old_round_does_not_take_the_alias_back(
    flights: ModelRegistry, publication, store: str, tmp_path: Path
) -> None:
    def stop(step: str) -> None:
        if step == "version":
            raise KeyboardInterrupt

    broken = ModelRegistry("flights", store, tmp_path / "artifacts", on_step=stop)
    with pytest.raises(KeyboardInterrupt):
        broken.publish(publication())
    flights.publish(publication(round=2))
    flights.publish(publication())
    assert flights.champion().round == 2


@pytest.mark.parametrize("step", ["version", "journal", "alias"])
def test_an_attempt_that_was_cut_short_and_had_other_bytes(
    flights: ModelRegistry, publication, store: str, tmp_path: Path, step: str
) -> None:
    """Its version is replaced, unless it was to be promoted: then that is what happened."""

    def stop(at: str) -> None:
        if at == step:
            raise KeyboardInterrupt

    broken = ModelRegistry("flights", store, tmp_path / "artifacts", on_step=stop)
    with pytest.raises(KeyboardInterrupt):
        broken.publish(publication())
    first = flights.version(1)
    artifact = Artifact("float32", publication().artifact.tflite + b"\0")
    version = flights.publish(publication(artifact=artifact))
    assert flights.versions() == [flights.champion()] == [version]
    assert version.is_decided
    replaced = step == "version"
    assert version.version == (2 if replaced else 1)
    assert (flights.tflite(version) == artifact.tflite) == replaced
    assert (version.run_id != first.run_id) == replaced
    assert len(list((tmp_path / "artifacts").rglob("MLmodel"))) == 1


def test_files_can_be_added_later(flights: ModelRegistry, publication, tmp_path: Path) -> None:
    from mlflow import MlflowClient

    version = flights.publish(publication())
    (tmp_path / "curve.txt").write_text("up")
    flights.log_file(version, tmp_path / "curve.txt")
    flights.log_file(1, tmp_path / "curve.txt", "plots")
    client = MlflowClient(flights.tracking_uri)
    names = {entry.path for entry in client.list_artifacts(version.run_id)}
    assert names == {"curve.txt", "plots", "model", "float32"}


def test_tampered_bytes_are_noticed(
    flights: ModelRegistry, publication, samples: dict[str, Sample], tmp_path: Path
) -> None:
    flights.publish(publication())
    (stored,) = (tmp_path / "artifacts").rglob("model/artifacts/model.tflite.gzip")
    stored.write_bytes(gzip.compress(samples["cnn"].tflite))
    with pytest.raises(StoreError, match="not the one that was published"):
        flights.tflite(1)
    (schema,) = (tmp_path / "artifacts").rglob("model/artifacts/schema.json")
    schema.write_text("{")
    with pytest.raises(StoreError, match=r"schema of flights/1 at .* is no JSON object"):
        flights.schema(flights.version(1))


def test_more_metrics_and_params_than_one_call_takes(flights: ModelRegistry, publication) -> None:
    metrics = {f"m{i}": float(i) for i in range(1500)}
    params = {f"p{i}": str(i) for i in range(250)}
    version = flights.publish(publication(metrics=metrics, params=params))
    assert version.metrics == metrics


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"schema": {"fields": []}}, "the model takes .*'carrier'.*do not have"),
        ({"example": {"delay": [1.0]}}, '"hour" is missing'),
        ({"lineage": "a'b"}, "lineage"),
        ({"files": {"model/x": Path(__file__)}}, "not a path"),
        ({"files": {"../x": Path(__file__)}}, "not a path"),
        ({"files": {"x": Path("/nowhere/x")}}, "there is no file"),
    ],
)
def test_contradictions_are_told_before_anything_is_registered(
    flights: ModelRegistry, publication, changes, told: str
) -> None:
    with pytest.raises(PublicationError, match=told):
        flights.publish(publication(**changes))
    assert flights.versions() == []


def test_an_example_that_cannot_be_predicted_is_told(flights, publication) -> None:
    example = dict(publication().example) | {"carrier": ["UA", 5]}
    with pytest.raises(PublicationError, match='example: column "carrier": expected a string'):
        flights.publish(publication(example=example))


def test_names_that_mlflow_cannot_hold(store: str) -> None:
    with pytest.raises(PublicationError, match=r"registry\.name"):
        ModelRegistry("a/b", store)


def test_an_unreachable_server_is_named() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        uri = f"http://user:secret@127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(StoreError, match=r"127\.0\.0\.1.*registry\.tracking_uri") as caught:
            ModelRegistry("flights", uri).champion()
    assert "secret" not in str(caught.value)


def test_an_unreachable_database_is_named(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(StoreError, match=r"at sqlite:.*file/mlflow\.db"):
        ModelRegistry("flights", f"sqlite:///{blocked}/mlflow.db").champion()


def test_a_deleted_experiment_is_told(flights: ModelRegistry, publication) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(flights.tracking_uri)
    client.delete_experiment(client.create_experiment("flights"))
    with pytest.raises(StoreError, match='experiment "flights" is deleted'):
        flights.publish(publication())


def test_unknown_versions_are_told_with_what_there_is(flights: ModelRegistry, publication) -> None:
    with pytest.raises(VersionNotFound, match='no model "flights"'):
        flights.version(1)
    flights.publish(publication())
    with pytest.raises(VersionNotFound, match=r"flights/9 .*versions 1 to 1.*champion -> 1"):
        flights.version(9)


def test_other_peoples_versions_do_not_disturb(flights: ModelRegistry, publication) -> None:
    from mlflow import MlflowClient

    client = MlflowClient(flights.tracking_uri)
    client.create_registered_model("flights")
    client.create_model_version("flights", "/somewhere")
    ours = flights.publish(publication())
    assert [(v.version, v.round) for v in flights.versions()] == [(1, -1), (2, 1)]
    assert flights.champion() == ours


def test_artifacts_differ_by_their_bytes(samples: dict[str, Sample]) -> None:
    artifact = Artifact("float32", samples["mlp"].tflite)
    assert artifact.sha256 != replace(artifact, tflite=samples["cnn"].tflite).sha256
