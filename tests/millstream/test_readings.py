"""What the first worker knows of the others while a round is made: from files, or as heard."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from millstream.watch.flow import PartitionState
from millstream.workers.readings import Reading, Readings, together


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def reading(partition: int, records: int, **more: int | None) -> Reading:
    state = PartitionState(2_000, records, 2_000 - records, 50.0)
    return Reading(records=records, partitions={f"t[{partition}]": state}, **more)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def first(tmp_path: Path, clock: Clock) -> Readings:
    return Readings(tmp_path, 0, 3, "this", clock)


def others(folder: Path, run: str = "this") -> list[Readings]:
    return [Readings(folder, rank, 3, run) for rank in (1, 2)]


def tell(worker: Readings, own: Reading) -> None:
    """Tell it; the file has a time of its own, however coarse those of the file system are."""
    worker.tell(own)
    tell.ns += 10**9
    os.utime(worker._file, ns=(tell.ns, tell.ns))


tell.ns = 10**18


def test_files_are_there_before_all_agree_and_move_on_while_a_round_is_made(
    tmp_path: Path, first: Readings, clock: Clock
) -> None:
    assert first.look() == Reading(lag=None)
    one, two = others(tmp_path)
    tell(one, reading(1, 10, lag=5))
    clock.now += 1.0
    assert set(first.look().partitions) == {"t[1]"}
    assert first.look().lag is None  # not all have told it
    tell(two, reading(2, 20, lag=7))
    clock.now += 1.0
    assert (first.look().records, first.look().lag) == (30, 12)
    first.hear(together([reading(1, 15, lag=5), reading(2, 25, lag=7)]))
    assert first.look().records == 40  # what was heard is newer
    for records in (100, 200):
        clock.now += 0.25
        tell(one, reading(1, records, lag=None))
        tell(two, reading(2, records, lag=7))
        found = first.look()
        assert (found.records, found.lag) == (2 * records, None)
        assert [found.partitions[f"t[{n}]"].position for n in (1, 2)] == [records, records]
        assert {state.age_s for state in found.partitions.values()} == {0.0}


def test_without_a_folder_in_common_what_was_heard_stays_and_its_age_is_told(
    tmp_path: Path, first: Readings, clock: Clock
) -> None:
    others(tmp_path, "another")[0].tell(reading(1, 999))  # of a run before
    (tmp_path / "2.json").write_text("damaged")
    first.hear(together([reading(1, 15), reading(2, 25)]))
    clock.now += 42.0
    found = first.look()
    assert (found.records, found.partitions["t[1]"].position) == (40, 15)
    assert {state.age_s for state in found.partitions.values()} == {42.0}
    first.hear(reading(2, 30))  # partitions are told now and then
    ages = {name: state.age_s for name, state in first.look().partitions.items()}
    assert ages == {"t[1]": 42.0, "t[2]": 0.0}


def test_a_worker_that_tells_nothing_more_becomes_old(
    tmp_path: Path, first: Readings, clock: Clock
) -> None:
    one, two = others(tmp_path)
    for worker, number in ((one, 1), (two, 2)):
        tell(worker, reading(number, 10))
    first.look()
    clock.now += 30.0
    tell(two, reading(2, 90))
    ages = {name: state.age_s for name, state in first.look().partitions.items()}
    assert ages == {"t[1]": 30.0, "t[2]": 0.0}


def test_a_disk_that_is_full_ends_nobody(tmp_path: Path) -> None:
    Readings(tmp_path / "gone", 1, 2, "this").tell(reading(1, 10))
    assert Readings(tmp_path / "gone", 0, 1).look() == Reading(lag=0)
