"""The champion is kept: rounds test with it while MLflow is away, and on workers that never ask."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from millstream.publishing.champion import champion_of_all
from millstream.publishing.kept_champion import KeptChampion
from millstream.reach import LONGEST_PAUSE_S, Reach
from registry import ModelVersion, StoreError, StoreUnavailable
from trainer import Communicator, run_workers

FIRST = ModelVersion(
    name="flights",
    version=1,
    round=4,
    run_id="a",
    promoted=True,
    reason="better",
    rung="int8",
    bytes=10,
    gzip_bytes=5,
    metrics={"auc": 0.5},
    tags={"millstream.weights": "d4"},
    created=datetime(2013, 1, 1, tzinfo=UTC),
    aliases=("champion",),
)
SECOND = replace(FIRST, version=2, round=7, run_id="b")


@dataclass
class Registry:
    """A registry with a champion; counts the downloads, and may be away."""

    now: ModelVersion | None = FIRST
    error: StoreError | None = None
    name: str = "flights"
    tracking_uri: str = "http://trainer:secret@mlflow:5000"
    downloads: list[int] = field(default_factory=list)

    def champion(self) -> ModelVersion | None:
        if self.error is not None:
            raise self.error
        return self.now

    def tflite(self, version: ModelVersion) -> bytes:
        if self.error is not None:
            raise self.error
        self.downloads.append(version.version)
        return f"bytes of {version.version}".encode()

    def schema(self, version: ModelVersion) -> dict[str, Any]:
        return {"fields": [], "version": version.version}


@dataclass
class Clock:
    now: float = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def keeper(registry: Registry, folder: Path, clock: Clock) -> KeptChampion:
    return KeptChampion(registry, folder / "champion", Reach(clock))


def test_it_is_fetched_once_and_known_while_mlflow_is_away(tmp_path: Path, clock: Clock) -> None:
    registry = Registry()
    champions = keeper(registry, tmp_path, clock)
    assert champions.champion() == champions.champion() == FIRST
    assert registry.downloads == [1]
    registry.error = StoreUnavailable("away")
    for again in (champions, keeper(registry, tmp_path, clock)):
        kept = again.champion()
        assert kept == replace(FIRST, metrics={})
        assert again.tflite(kept) == b"bytes of 1"
        assert again.schema(kept) == {"fields": [], "version": 1}
    with pytest.raises(StoreUnavailable):
        champions.tflite(SECOND)


@pytest.mark.parametrize(
    ("name", "tracking_uri", "is_known"),
    [
        ("flights", "http://trainer:changed@mlflow:5000", True),
        ("trains", "http://trainer:secret@mlflow:5000", False),
        ("flights", "http://trainer:secret@other:5000", False),
    ],
)
def test_only_a_champion_of_the_same_model_and_registry_is_known_while_mlflow_is_away(
    tmp_path: Path, clock: Clock, name: str, tracking_uri: str, is_known: bool
) -> None:
    keeper(Registry(), tmp_path, clock).champion()
    assert b"secret" not in (tmp_path / "champion" / "champion.json").read_bytes()
    away = Registry(error=StoreUnavailable("away"), name=name, tracking_uri=tracking_uri)
    champions = keeper(away, tmp_path, clock)
    assert (champions.champion() is not None) == is_known
    away.error = None
    again = keeper(away, tmp_path, clock)
    away.now = replace(FIRST, name=name)
    assert again.champion() == away.now
    assert away.downloads == ([] if is_known else [1])


def test_another_one_takes_its_place(tmp_path: Path, clock: Clock) -> None:
    registry = Registry()
    champions = keeper(registry, tmp_path, clock)
    champions.champion()
    registry.now = SECOND
    assert champions.champion() == SECOND
    assert champions.tflite(SECOND) == b"bytes of 2"
    assert len(list((tmp_path / "champion").glob("*.tflite"))) == 1
    registry.now = replace(SECOND, run_id="c")  # deleted, and made anew under its number
    champions.champion()
    assert registry.downloads == [1, 2, 2]
    registry.now = None
    assert champions.champion() is None


def test_one_that_goes_away_between_two_calls_leaves_the_last_one(
    tmp_path: Path, clock: Clock
) -> None:
    registry = Registry()
    champions = keeper(registry, tmp_path, clock)
    champions.champion()

    class Broken(Registry):
        def tflite(self, version: ModelVersion) -> bytes:
            raise StoreUnavailable("away")

    broken = keeper(Broken(SECOND), tmp_path, clock)
    assert broken.champion() == replace(FIRST, metrics={})


def test_nothing_is_known_at_first_and_mlflow_is_asked_again_later(
    tmp_path: Path, clock: Clock
) -> None:
    registry = Registry(error=StoreUnavailable("away"))
    champions = keeper(registry, tmp_path, clock)
    assert champions.champion() is None
    registry.error = None
    assert champions.champion() is None
    clock.now += LONGEST_PAUSE_S
    assert champions.champion() == FIRST


def test_a_version_of_others_is_the_champion_and_not_kept(tmp_path: Path, clock: Clock) -> None:
    class Foreign(Registry):
        def tflite(self, version: ModelVersion) -> bytes:
            raise StoreError("it has no artifact of ours")

    champions = keeper(Foreign(), tmp_path, clock)
    assert champions.champion() == FIRST
    with pytest.raises(StoreError, match="no artifact"):
        champions.tflite(FIRST)
    assert not (tmp_path / "champion").exists()


@pytest.mark.parametrize("damage", ["bytes", "seal", "gone", "format"])
def test_a_damaged_copy_is_fetched_again(tmp_path: Path, clock: Clock, damage: str) -> None:
    registry = Registry()
    keeper(registry, tmp_path, clock).champion()
    (tflite,) = (tmp_path / "champion").glob("*.tflite")
    told = tmp_path / "champion" / "champion.json"
    if damage == "bytes":
        tflite.write_bytes(b"others")
    elif damage == "seal":
        told.write_bytes(told.read_bytes().replace(b"int8", b"int4"))
    elif damage == "gone":
        tflite.unlink()
    else:
        told.write_text("[]")
    registry.error = StoreUnavailable("away")
    assert keeper(registry, tmp_path, clock).champion() is None
    registry.error = None
    assert keeper(registry, tmp_path, clock).champion() == FIRST
    assert registry.downloads == [1, 1]
    registry.error = StoreUnavailable("away")
    assert keeper(registry, tmp_path, clock).champion() == replace(FIRST, metrics={})


def test_of_several_workers_only_the_first_asks(tmp_path: Path, clock: Clock) -> None:
    def test_with(line: Communicator) -> tuple[ModelVersion | None, bytes]:
        never = Registry(error=AssertionError("only the first worker asks"))
        registry = Registry() if line.rank == 0 else never
        champions = keeper(registry, tmp_path, clock)
        pipeline = SimpleNamespace(champions=champions, workers=line, is_chief=line.rank == 0)
        version = champion_of_all(pipeline)
        return version, champions.tflite(version)

    assert run_workers(3, test_with) == [(FIRST, b"bytes of 1")] * 3
    nobody = SimpleNamespace(champions=keeper(Registry(None), tmp_path, clock), is_chief=True)
    found = run_workers(
        1, lambda line: champion_of_all(SimpleNamespace(**vars(nobody), workers=line))
    )
    assert found == [None]


def test_a_version_survives_its_json() -> None:
    assert ModelVersion.from_json(FIRST.to_json()) == FIRST
