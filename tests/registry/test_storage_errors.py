"""Artifact storages that fail in their own words, or do not let anything be deleted."""

from __future__ import annotations

import logging

import pytest
from mlflow import MlflowClient
from mlflow.store.artifact.local_artifact_repo import LocalArtifactRepository
from quick_versions import quick_publication, quick_run, quick_version

from registry import ModelRegistry, StoreError, StoreRefused, StoreUnavailable
from registry.store import Store


def error_of(module: str, **told: object) -> Exception:
    """An error as a library of that name raises it."""
    return type("Failed", (Exception,), {"__module__": module, **told})("it failed")


def answer(status: int) -> dict[str, object]:
    """What botocore says of an answer."""
    return {"ResponseMetadata": {"HTTPStatusCode": status}, "Error": {"Code": "Odd"}}


@pytest.mark.parametrize(
    ("error", "expected"),
    [
        (error_of("botocore.exceptions"), StoreUnavailable),
        (error_of("botocore.exceptions", response=answer(503)), StoreUnavailable),
        (error_of("botocore.exceptions", response=answer(403)), StoreRefused),
        (error_of("botocore.exceptions", response=answer(404)), StoreError),
        (error_of("boto3.exceptions"), StoreUnavailable),
        (error_of("azure.core.exceptions", status_code=401, response=object()), StoreRefused),
        (error_of("azure.core.exceptions", status_code=None), StoreUnavailable),
        (error_of("google.api_core.exceptions", code=429), StoreUnavailable),
    ],
)
def test_storages_that_are_asked_directly(error: Exception, expected: type[StoreError]) -> None:
    store, told = Store("sqlite:///x.db"), r"cannot publish at .*: it failed"
    with pytest.raises(StoreError, match=told) as caught, store.translated("publish"):
        raise error
    assert type(caught.value) is expected


def test_mistakes_of_ours_are_none_of_mlflows() -> None:
    with pytest.raises(ZeroDivisionError), Store("sqlite:///x.db").translated("publish"):
        raise ZeroDivisionError


def test_a_storage_that_deletes_nothing_stops_no_round(
    flights: ModelRegistry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """A killed process has left a run; the round has its version all the same."""
    publication = quick_publication(1)
    quick_version(flights, publication)
    left = quick_run(flights, publication).info.run_id

    def refuse(*_: object) -> None:
        raise NotImplementedError

    monkeypatch.setattr(LocalArtifactRepository, "delete_artifacts", refuse)
    with caplog.at_level(logging.WARNING, "millstream"):
        said = flights.publish(publication)
    assert said.aliases == ("champion",)
    assert [record.message for record in caplog.records] == [
        f"run {left} is not needed, but its artifacts cannot be deleted"
    ]
    client = MlflowClient(flights.tracking_uri)
    assert client.get_run(left).info.lifecycle_stage == "deleted"
    assert client.get_run(said.run_id).info.lifecycle_stage == "active"
