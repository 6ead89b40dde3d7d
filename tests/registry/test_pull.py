"""Pulling: by name, alias or version; whole or not at all; never over somebody's files."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from keras_models import Sample

from registry import ModelRegistry, PullError, Reference, VersionNotFound


@pytest.fixture
def two(flights: ModelRegistry, publication) -> ModelRegistry:
    """Version 1 is the champion, version 2 was refused."""
    flights.publish(publication())
    flights.publish(publication(round=2, promote=False))
    return flights


def everything(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("flights", Reference("flights", "champion", None)),
        ("flights@candidate", Reference("flights", "candidate", None)),
        ("flights/12", Reference("flights", None, 12)),
        ("models:/flights@champion", Reference("flights", "champion", None)),
        ("my flights.v2", Reference("my flights.v2", "champion", None)),
    ],
)
def test_references(text: str, expected: Reference) -> None:
    assert Reference.parse(text) == expected


@pytest.mark.parametrize("text", ["", "@champion", "a/b", "a/1@b", "a@", "a/", "a'b", "a/1/2"])
def test_references_that_cannot_be_read(text: str) -> None:
    with pytest.raises(VersionNotFound, match="expected NAME, NAME@alias or NAME/version"):
        Reference.parse(text)


@pytest.mark.parametrize(
    ("reference", "number"),
    [("flights", 1), ("flights@champion", 1), ("flights/1", 1), ("flights/2", 2)],
)
def test_pull(
    two: ModelRegistry, samples: dict[str, Sample], tmp_path: Path, reference: str, number: int
) -> None:
    out = tmp_path / "deep" / "out"
    version = two.pull(reference, out)
    assert version.version == number
    assert (out / "model.tflite").read_bytes() == samples["mlp"].tflite
    assert json.loads((out / "schema.json").read_text()) == samples["mlp"].schema
    assert (out / "MLmodel").is_file()
    told = json.loads((out / "version.json").read_text())
    assert (told["version"], told["name"], told["round"]) == (number, "flights", number)
    assert told["created"] == version.created.isoformat()
    assert [p.name for p in out.parent.iterdir()] == ["out"]


def test_a_pulled_directory_is_replaced(two: ModelRegistry, tmp_path: Path) -> None:
    out = tmp_path / "out"
    two.pull("flights/1", out)
    (out / "left over").write_text("from before")
    two.pull("flights/2", out)
    assert json.loads((out / "version.json").read_text())["version"] == 2
    assert not (out / "left over").exists()


def test_an_empty_directory_is_used(two: ModelRegistry, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    assert two.pull("flights", tmp_path / "out").version == 1


@pytest.mark.parametrize("name", ["thesis.txt", "version.json", "MLmodel"])
def test_other_directories_are_left_alone(two: ModelRegistry, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_text('{"version": 1}')
    with pytest.raises(PullError, match="not empty and does not hold a pulled model"):
        two.pull("flights", out)
    assert everything(out) == {name: b'{"version": 1}'}


def test_a_file_is_left_alone(two: ModelRegistry, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(PullError, match="is a file"):
        two.pull("flights", tmp_path / "out")
    assert (tmp_path / "out").read_text() == "mine"


def test_a_failed_pull_leaves_what_was_there(two: ModelRegistry, tmp_path: Path) -> None:
    out = tmp_path / "out"
    two.pull("flights/1", out)
    before = everything(out)
    for path in (tmp_path / "artifacts").rglob("model/artifacts/schema.json"):
        path.unlink()
    with pytest.raises(PullError, match=r"flights/2 was not published by millstream"):
        two.pull("flights/2", out)
    assert everything(out) == before
    assert not [p for p in tmp_path.iterdir() if p.name.startswith(".out")]


@pytest.mark.parametrize(
    ("reference", "told"),
    [
        ("trains", 'no model "trains" is registered'),
        ("flights/7", r"flights/7 does not exist .*versions 1 to 2.*champion -> 1"),
        ("flights@challenger", r"flights@challenger does not exist"),
    ],
)
def test_what_does_not_exist_is_told(
    two: ModelRegistry, tmp_path: Path, reference: str, told: str
) -> None:
    with pytest.raises(VersionNotFound, match=told):
        two.pull(reference, tmp_path / "out")
    assert not (tmp_path / "out").exists()
