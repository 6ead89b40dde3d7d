"""The past of a state folder: no record changes sides, and what did not happen is not in it."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import (
    Balanced,
    JsonDecoder,
    PastSettings,
    Position,
    Recent,
    RecordBatch,
    Rows,
    SamplePolicy,
    SampleSettings,
    Stratified,
    Weighted,
    Window,
    WindowBuilder,
)
from millstream.errors import RoundStoreError
from millstream.rounds.past import Past
from millstream.rounds.plan import Plan
from millstream.rounds.store import RoundFolder, RoundStore
from tests.ingest.samples import SCHEMA, TOPICS, ListDeadLetters, encoded

WAYS = {
    "uniform": SamplePolicy(),
    "weighted": SamplePolicy(Weighted("weight")),
    "recent": SamplePolicy(Recent(records=20)),
    "balanced": SamplePolicy(allocation=Balanced.of(SCHEMA)),
    "stratified": SamplePolicy(allocation=Stratified.of(SCHEMA, "city", 2)),
}
PAST = PastSettings(rows=40, holdout_rows=15)
SETTINGS = SampleSettings(seed=3, window=30, holdout=0.3, holdout_rows=10, past=PAST)
Identity = tuple[str, int, int]


def names(rows: Rows) -> set[Identity]:
    return {(rows.topics[t], p, o) for t, p, o in rows.identities().tolist()}


@dataclass
class Life:
    """Rounds of a service, without training: what each was trained on, and what was held out."""

    path: Path
    settings: SampleSettings = SETTINGS
    trained: set[Identity] = field(default_factory=set)
    held: set[Identity] = field(default_factory=set)

    def __post_init__(self) -> None:
        self.store = RoundStore(self.path / "rounds")
        self._end(self._begin(0, Position({"a": {0: 0}, "b": {0: 0}})))
        self.restart()

    def restart(self, **changed: object) -> None:
        self.settings = replace(self.settings, **changed)
        self.past = Past(self.settings, SCHEMA, TOPICS, self.path / "history")

    def round(self, count: int = 50, outcome: str = "done") -> RoundFolder:
        """One round of `count` records of each partition: done, diverged, or abandoned."""
        parent = self.store.latest()
        assert parent is not None
        window = self._window(parent.plan().end, count)
        recalled, _ = self.past.recall(parent, 20, 3, parent.number + 1)
        old = self.past.holdout(parent)
        folder = self._begin(parent.number + 1, window.end)
        self.past.save(parent, folder, None if outcome == "diverged" else window)
        if outcome == "abandoned":
            return folder
        self.trained |= names(window.train) | names(recalled)
        self.held |= names(window.validation) | names(window.test) | names(old)
        return self._end(folder, {"history": {}})

    def _window(self, start: Position, count: int) -> Window:
        decoder, letters = JsonDecoder(SCHEMA), ListDeadLetters()
        builder = WindowBuilder(SCHEMA, TOPICS, decoder, letters, self.settings, start)
        for place, topic in enumerate(TOPICS):
            first = start.get(topic, 0) or 0
            offsets = list(range(first, first + count))
            values = [encoded(2 * offset + place) for offset in offsets]
            builder.add(RecordBatch.of(topic, 0, offsets, values, timestamps=offsets))
        return builder.build()

    def _begin(self, number: int, end: Position) -> RoundFolder:
        start = self.store.folder(number - 1).plan().end if number else end
        parent = number - 1 if number else None
        return self.store.begin(Plan(number, parent, start, end, (), 3, "", "", 0))

    def _end(self, folder: RoundFolder, report: dict | None = None) -> RoundFolder:
        folder.weights.write_bytes(b"w")
        folder.write_report(report or {})
        folder.mark_done("digest")
        folder.write_published({})
        return folder


STEPS = st.lists(
    st.fixed_dictionaries(
        {
            "count": st.integers(1, 60),
            "outcome": st.sampled_from(["done", "done", "diverged", "abandoned"]),
            "change": st.none()
            | st.fixed_dictionaries(
                {
                    "seed": st.integers(0, 3),
                    "holdout": st.sampled_from([0.05, 0.3, 0.7]),
                    "policy": st.sampled_from(list(WAYS.values())),
                    "past": st.builds(
                        PastSettings,
                        rows=st.sampled_from([10, 40, 90]),
                        most_bytes=st.sampled_from([None, 2_000]),
                        policy=st.sampled_from(list(WAYS.values())),
                        holdout_rows=st.sampled_from([5, 15]),
                    ),
                }
            ),
        }
    ),
    min_size=2,
    max_size=10,
)


@settings(deadline=None, max_examples=40)
@given(steps=STEPS)
def test_no_record_is_ever_trained_on_and_held_out(tmp_path_factory, steps) -> None:
    """Over rounds, restarts, and changes of policy, of seed and of holdout share."""
    life = Life(tmp_path_factory.mktemp("life"))
    for step in steps:
        if step["change"] is not None:
            life.restart(**step["change"])
        life.round(step["count"], step["outcome"])
    assert not life.trained & life.held
    latest = life.store.latest()
    assert latest is not None
    life.restart()
    kept = names(life.past.recall(latest, 1_000, 0, 0)[0])
    held = names(life.past.holdout(latest))
    assert not kept & held
    assert not kept & life.held
    assert not held & life.trained


def states(life: Life) -> list[dict | None]:
    return [folder.history() for folder in life.store.complete()]


def test_restarts_and_rounds_that_did_not_happen_leave_no_trace(tmp_path: Path) -> None:
    def calm(life: Life) -> None:
        pass

    def restarting(life: Life) -> None:
        life.restart()

    def abandoning(life: Life) -> None:
        life.round(33, "abandoned")

    found = {}
    for between in (calm, restarting, abandoning):
        life = Life(tmp_path / between.__name__)
        for _ in range(5):
            between(life)
            life.round()
        latest = life.store.latest()
        assert latest is not None
        recalled = life.past.recall(latest, 20, 3, 9)
        found[between] = states(life), recalled[0], recalled[1].tolist()
        assert life.past.rows(latest) == 40
    assert found[restarting] == found[calm]
    assert found[abandoning] == found[calm]


def test_a_window_that_was_not_learned_adds_nothing(tmp_path: Path) -> None:
    life = Life(tmp_path)
    before = life.round()
    known = life.past.recall(before, 100, 0, 0)[0], life.past.holdout(before)
    after = life.round(outcome="diverged")
    assert (life.past.recall(after, 100, 0, 0)[0], life.past.holdout(after)) == known
    assert life.past.rows(life.round()) == 40


def test_without_a_history_nothing_is_kept(tmp_path: Path) -> None:
    life = Life(tmp_path)
    kept = life.round()
    assert kept.history() is not None
    life.restart(past=None)
    folder = life.store.folder(2)
    life.past.save(kept, folder, None)
    assert not life.past.is_kept
    assert not folder.path.exists()
    assert life.past.rows(kept) == 0
    assert life.past.holdout(kept) is None


def test_after_a_round_without_one_it_begins_empty(tmp_path: Path) -> None:
    life = Life(tmp_path)
    first = life.store.folder(0)
    assert life.past.rows(first) == 0
    assert len(life.past.holdout(first)) == 0
    assert len(life.past.recall(first, 10, 0, 0)[0]) == 0


def test_pruning_keeps_what_whole_rounds_name(tmp_path: Path) -> None:
    life = Life(tmp_path)
    life.restart(past=replace(PAST, policy=WAYS["recent"]))
    for _ in range(12):
        life.round()
    life.round(5, "abandoned")
    segments = tmp_path / "history"
    before = {path.stem for path in segments.glob("*.arrow")}
    assert life.store.prune(keep=3, needed={5}) == [0, 1, 2, 3, 6, 7, 8, 9]
    assert not (life.store.folder(3).path / "history.json").exists()
    removed = set(life.past.prune(life.store))
    assert {path.stem for path in segments.glob("*.arrow")} == before - removed
    assert "000013-train" in removed
    assert "000001-train" in removed
    for number in (4, 5, 10, 11, 12):
        life.restart()
        folder = life.store.folder(number)
        assert len(life.past.recall(folder, 100, 0, 0)[0]) == 40
        assert len(life.past.holdout(folder)) == 30


def test_topics_may_come_and_go(tmp_path: Path) -> None:
    life = Life(tmp_path)
    folder = life.round()
    everything = names(life.past.recall(folder, 100, 0, 0)[0])
    for topics in (("b",), ("a", "b", "c")):
        past = Past(SETTINGS, SCHEMA, topics, tmp_path / "history")
        assert names(past.recall(folder, 100, 0, 0)[0]) == everything


def damage_history(folder: RoundFolder) -> None:
    (folder.path / "history.json").write_text("{")


def lose_history(folder: RoundFolder) -> None:
    (folder.path / "history.json").unlink()


def lose_a_side(folder: RoundFolder) -> None:
    saved = json.loads((folder.path / "history.json").read_text())
    folder.write_history({"train": saved["train"], "test": saved["test"]})


def lose_a_segment(folder: RoundFolder) -> None:
    (folder.path.parents[1] / "history" / "000001-test.arrow").unlink()


@pytest.mark.parametrize("damage", [damage_history, lose_history, lose_a_side, lose_a_segment])
def test_what_is_missing_or_damaged_is_no_reason_to_begin_again(
    tmp_path: Path, damage: Callable[[RoundFolder], None]
) -> None:
    life = Life(tmp_path)
    folder = life.round()
    life.restart()
    damage(folder)
    with pytest.raises(RoundStoreError, match=r"history\.json: .*another service\.state_dir"):
        life.past.rows(folder)
