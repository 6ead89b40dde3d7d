"""The round store: a round without its marker did not happen; ranges tile; lineage stays."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest import Gap, Position
from millstream.errors import BusyError, RoundStoreError
from millstream.rounds.plan import Plan
from millstream.rounds.store import REMEMBERED, RoundFolder, RoundStore
from millstream.state_lock import state_lock


def make_plan(number: int, start: int, end: int) -> Plan:
    return Plan(
        round=number,
        parent=number - 1 if number else None,
        start=Position({"t": {0: start, 1: 0}}),
        end=Position({"t": {0: end, 1: 0}}),
        gaps=(Gap("t", 0, start, start),) if number else (),
        seed=7,
        recipe="abc",
        reason="records",
        created_ms=1,
    )


def add_round(store: RoundStore, number: int, start: int, end: int) -> RoundFolder:
    folder = store.begin(make_plan(number, start, end))
    folder.weights.write_bytes(b"w")
    folder.test_rows.write_bytes(b"r")
    folder.write_report({"round": number})
    folder.mark_done("digest")
    folder.write_published({"version": number})
    return folder


def test_a_plan_survives_its_json() -> None:
    plan = make_plan(3, 5, 9)
    assert Plan.from_json(plan.to_json()) == plan


def test_a_plan_of_a_round_that_knew_no_history_recalls_nothing() -> None:
    told = make_plan(3, 5, 9).to_json()
    del told["history_rows"]
    assert Plan.from_json(told) == make_plan(3, 5, 9)
    assert Plan.from_json(told | {"history_rows": 7}).history_rows == 7


def test_a_plan_of_another_format_is_refused() -> None:
    with pytest.raises(RoundStoreError, match="expected format 1, got 2"):
        Plan.from_json(make_plan(3, 5, 9).to_json() | {"format": 2})


def test_an_unmarked_round_did_not_happen(tmp_path: Path) -> None:
    store = RoundStore(tmp_path)
    add_round(store, 0, 0, 0)
    abandoned = store.begin(make_plan(1, 0, 10))
    (abandoned.path / "weights.npz").write_bytes(b"half")
    latest = store.latest()
    assert latest is not None
    assert latest.number == 0
    again = store.begin(make_plan(1, 0, 20))
    assert not again.weights.exists()
    assert again.plan().end == Position({"t": {0: 20, 1: 0}})


def test_a_round_begins_where_its_parent_ended(tmp_path: Path) -> None:
    store = RoundStore(tmp_path)
    add_round(store, 0, 0, 0)
    add_round(store, 1, 0, 10)
    with pytest.raises(RoundStoreError, match="round 2: expected a range that starts at"):
        store.begin(make_plan(2, 11, 20))


def test_a_missing_folder_is_noticed(tmp_path: Path) -> None:
    store = RoundStore(tmp_path)
    add_round(store, 0, 0, 0)
    (tmp_path / "000000").rename(tmp_path / "000001")
    with pytest.raises(RoundStoreError, match="expected round 0, got 1"):
        store.complete()


def test_a_damaged_plan_names_its_file(tmp_path: Path) -> None:
    store = RoundStore(tmp_path)
    folder = add_round(store, 0, 0, 0)
    (folder.path / "plan.json").write_text("{")
    with pytest.raises(RoundStoreError, match=r"plan\.json: expected SHA-256"):
        folder.plan()


def test_pruning_keeps_lineage_and_what_a_version_needs(tmp_path: Path) -> None:
    store = RoundStore(tmp_path)
    for number in range(8):
        add_round(store, number, max(0, number - 1), number)
    assert store.prune(keep=2, needed={3}) == [0, 1, 4, 5]
    assert [f.number for f in store.complete() if f.pruned] == [0, 1, 4, 5]
    assert [f.plan().round for f in store.complete()] == list(range(8))
    assert store.prune(keep=2, needed={3}) == []


def test_an_unpublished_round_and_its_parent_are_never_pruned(tmp_path: Path) -> None:
    store = RoundStore(tmp_path)
    for number in range(5):
        add_round(store, number, max(0, number - 1), number)
    (store.folder(2).path / "published.json").unlink()
    assert store.prune(keep=1, needed=set()) == [0, 3]


def test_a_state_folder_has_one_holder(tmp_path: Path) -> None:
    with (
        state_lock(tmp_path),
        pytest.raises(BusyError, match="held by process"),
        state_lock(tmp_path),
    ):
        pass
    with state_lock(tmp_path):
        pass


def test_only_plans_of_the_newest_rounds_are_remembered(tmp_path: Path) -> None:
    store = RoundStore(tmp_path)
    for number in range(REMEMBERED + 2):
        add_round(store, number, max(0, number - 1), number)
    assert sum(folder.missing() for folder in store.complete()) == 0
    plans = [folder.plan() for folder in store.complete()]
    for folder in store.complete():
        (folder.path / "plan.json").rename(folder.path / "away.json")
    again = store.complete()
    assert [folder.missing() for folder in again] == [0] * len(again)
    assert [folder.plan() for folder in again[2:]] == plans[2:]
    with pytest.raises(RoundStoreError, match=r"plan\.json"):
        again[0].plan()
