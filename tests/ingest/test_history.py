"""A history is the sample that one sampler would have, however often it was saved and loaded."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from ingest import Balanced, BottomK, Field, Recent, Rows, Schema, Stratified, Uniform, Weighted
from ingest.errors import RowsError, SamplerError
from ingest.history import History, HistoryState, Segments
from ingest.ragged import Ragged
from ingest.sampling.selection import Selection
from tests.ingest.samples import SCHEMA, TOPICS, make_rows

WAYS = {
    "uniform": (Uniform(), None),
    "weighted": (Weighted("weight"), None),
    "recent": (Recent(seconds=0.1), None),
    "balanced": (Uniform(), Balanced.of(SCHEMA, "user")),
    "stratified": (Recent(records=20), Stratified.of(SCHEMA, "city", 5)),
}


def selection(way: str = "uniform", rows: int = 50, most_bytes: int | None = None) -> Selection:
    return Selection(rows, 1, SCHEMA, *WAYS[way], most_bytes)


def history(folder: Path, *arguments: object, **named: object) -> History:
    return History(selection(*arguments, **named), TOPICS, Segments(folder))


def names(rows: Rows) -> set[tuple[int, ...]]:
    return {tuple(identity.tolist()) for identity in rows.identities()}


@settings(deadline=None, max_examples=60)
@given(
    way=st.sampled_from(sorted(WAYS)),
    cuts=st.lists(st.integers(1, 120), min_size=1, max_size=9),
    steps=st.lists(st.sampled_from(["go on", "save", "restart"]), min_size=9, max_size=9),
)
def test_it_is_the_sample_of_one_sampler(tmp_path_factory, way, cuts, steps) -> None:
    folder = tmp_path_factory.mktemp("history")
    kept = history(folder, way)
    whole = BottomK(selection(way), TOPICS)
    first = 0
    for number, (count, step) in enumerate(zip(cuts, steps, strict=False)):
        rows = make_rows(count, first=first)
        first += count - count // 4  # some come again
        kept.offer(rows)
        whole.offer(rows)
        if step != "go on":
            state = kept.save(f"{number:06d}")
            if step == "restart":
                kept = history(folder, way)
                kept.load(HistoryState.from_json(state.to_json()))
    assert kept.sample() == whole.sample()
    assert kept.weights().tobytes() == whole.weights().tobytes()
    assert kept.seen == whole.seen


def test_what_is_unchanged_is_not_written_again(tmp_path: Path) -> None:
    kept = history(tmp_path, rows=1_000)
    kept.offer(make_rows(1_000))
    first = kept.save("000001")
    written = (tmp_path / "000001.arrow").stat()
    kept.offer(make_rows(20, first=1_000))
    second = kept.save("000002")
    assert first.segments == ("000001",)
    assert second.segments == ("000001", "000002")
    assert (tmp_path / "000001.arrow").stat() == written
    assert len(Rows.load(tmp_path / "000002.arrow")) < 25


def test_what_is_left_of_thin_segments_moves_on(tmp_path: Path) -> None:
    kept = history(tmp_path, rows=100)
    states = []
    for number in range(40):
        kept.offer(make_rows(500, first=number * 500))
        states.append(kept.save(f"{number:06d}"))
    assert max(len(state.segments) for state in states) <= 25
    stored = sum(len(Rows.load(tmp_path / f"{name}.arrow")) for name in states[-1].segments)
    assert 100 <= stored <= 220
    before = {path.stem for path in tmp_path.glob("*.arrow")}
    unused = Segments(tmp_path).remove_all_but(states[-1].segments)
    assert set(unused) == before - set(states[-1].segments)
    assert {path.stem for path in tmp_path.glob("*.arrow")} == set(states[-1].segments)
    again = history(tmp_path, rows=100)
    again.load(states[-1])
    assert again.sample() == kept.sample()


def test_many_small_segments_are_brought_together(tmp_path: Path) -> None:
    kept = history(tmp_path, rows=10_000)
    for number in range(60):
        kept.offer(make_rows(10, first=number * 10))
        state = kept.save(f"{number:06d}")
        assert len(state.segments) <= 25
    again = history(tmp_path, rows=10_000)
    again.load(state)
    assert len(again) == 600


def test_bytes_are_bounded_and_cuts_change_nothing(tmp_path: Path) -> None:
    found = []
    for pieces in (1, 3, 50):
        kept = history(tmp_path / str(pieces), rows=10_000, most_bytes=20_000)
        for part in np.array_split(np.arange(3_000), pieces):
            kept.offer(make_rows(3_000).take(part))
            assert kept.kept_bytes <= 20_000 + 100
        found.append(kept.sample())
    assert found[0] == found[1] == found[2]
    assert 250 < len(found[0]) < 450


def test_recalled_rows_are_a_choice_that_repeats(tmp_path: Path) -> None:
    kept = history(tmp_path, rows=200)
    kept.offer(make_rows(1_000))
    kept.save("000001")
    rows, weights = kept.recall(50, seed=3, epoch=7)
    again, _ = kept.recall(50, seed=3, epoch=7)
    other, _ = kept.recall(50, seed=3, epoch=8)
    assert len(rows) == 50
    assert rows == again == rows.sorted_by_identity()
    assert names(rows) <= names(kept.sample())
    assert names(rows) != names(other)
    assert weights.sum() == pytest.approx(1_000, rel=0.3)
    assert kept.recall(500, seed=3, epoch=7)[0] == kept.sample()
    assert len(kept.recall(0, seed=3, epoch=7)[0]) == 0
    with pytest.raises(SamplerError, match="a count of at least 0 to recall, got -1"):
        kept.recall(-1, seed=3, epoch=7)


def test_each_row_is_recalled_equally_often(tmp_path: Path) -> None:
    from scipy import stats

    kept = history(tmp_path, rows=40)
    kept.offer(make_rows(40))
    found = np.zeros(40)
    for epoch in range(2_000):
        rows, _ = kept.recall(10, seed=1, epoch=epoch)
        found[rows.timestamp - 1_000] += 1
    statistic = ((found - 500) ** 2).sum() / (500 * 0.75) * 39 / 40
    assert stats.chi2.sf(statistic, 39) > 1e-4


@pytest.mark.parametrize("way", ["weighted", "balanced"])
def test_recalled_rows_stand_for_all_that_the_sample_stands_for(tmp_path: Path, way: str) -> None:
    kept = history(tmp_path, way, rows=60)
    kept.offer(make_rows(2_000))
    number, whole = kept.sample().timestamp - 1_000.0, kept.weights()
    for factor in (np.ones_like, lambda n: n, lambda n: n % 4 == 0):
        found = np.zeros(600)
        for epoch in range(600):
            rows, weights = kept.recall(15, seed=2, epoch=epoch)
            found[epoch] = (weights * factor(rows.timestamp - 1_000.0)).sum()
        error = found.std() / np.sqrt(len(found))
        assert abs(found.mean() - (whole * factor(number)).sum()) < 4 * error


def test_another_policy_goes_on_with_the_rows_that_are_there(tmp_path: Path) -> None:
    kept = history(tmp_path, rows=100)
    kept.offer(make_rows(1_000))
    state = kept.save("000001")
    other = history(tmp_path, "balanced", rows=60)
    other.load(state)
    assert len(other) == 60
    assert names(other.sample()) <= names(make_rows(1_000))


def test_more_topics_than_before(tmp_path: Path) -> None:
    rows = make_rows(100, topics=("b",))
    kept = History(selection(), ("b",), Segments(tmp_path))
    kept.offer(rows)
    state = kept.save("000001")
    more = history(tmp_path)
    more.load(state)
    assert more.sample().topics == TOPICS
    assert names(more.sample()) == {(1, p, o) for _, p, o in names(kept.sample())}


def test_topics_that_are_no_longer_read_stay_in_it(tmp_path: Path) -> None:
    kept, whole = history(tmp_path), BottomK(selection(), TOPICS)
    kept.offer(make_rows(100))
    state = kept.save("000001")
    fewer = History(selection(), ("b",), Segments(tmp_path))
    fewer.load(state)
    fewer.offer(make_rows(60, first=200, topics=("b",)))
    for rows in (make_rows(100), make_rows(60, first=200, topics=("b",))):
        whole.offer(rows)
    assert fewer.sample() == whole.sample()
    assert fewer.weights().tobytes() == whole.weights().tobytes()
    fewer.offer(make_rows(9, first=900, topics=("c",)))
    assert fewer.sample().topics == ("a", "b", "c")


def test_a_segment_that_is_in_use_is_not_replaced(tmp_path: Path) -> None:
    kept = history(tmp_path)
    kept.offer(make_rows(40))
    state = kept.save("000001")
    assert kept.save("000001") == state
    kept.offer(make_rows(40, first=40))
    with pytest.raises(SamplerError, match='segment "000001" is in use'):
        kept.save("000001")
    again = history(tmp_path)
    again.load(state)
    assert names(again.sample()) == names(make_rows(40))


def test_memory_holds_what_is_of_interest_between_saves(tmp_path: Path) -> None:
    kept = history(tmp_path, "recent", rows=50)
    for number in range(200):
        kept.offer(make_rows(60, first=number * 60))
        assert sum(len(part.rows) for part in kept._parts) <= 300


def test_segments_whose_bytes_are_mostly_of_no_interest_are_thin(tmp_path: Path) -> None:
    schema = Schema((Field("text", "bytes"), Field("label", "float32", "label")))
    kept = History(Selection(100, 1, schema), ("a",), Segments(tmp_path))
    long = np.zeros(100, np.int64)
    order = np.argsort(kept.selection.keys(texts(long)))
    long[order[60:]] = 10_000  # those that go first
    kept.offer(texts(long))
    kept.save("000001")
    more = texts(np.zeros(1_000, np.int64), first=100)
    likely = np.argsort(kept.selection.keys(more))[:40]
    kept.offer(more.take(likely))
    state = kept.save("000002")
    assert sum((tmp_path / f"{name}.arrow").stat().st_size for name in state.segments) < 100_000


def texts(lengths: NDArray[np.int64], first: int = 0) -> Rows:
    """Rows of one topic with texts of these lengths."""
    count = len(lengths)
    plain = make_rows(count, topics=("a",))
    columns = {
        "text": Ragged.from_lengths(np.zeros(lengths.sum(), np.uint8), lengths),
        "label": np.zeros(count, np.float32),
    }
    return replace(plain, offset=np.arange(first, first + count), columns=columns)


def test_what_is_damaged_or_of_another_schema_is_refused(tmp_path: Path) -> None:
    kept = history(tmp_path)
    kept.offer(make_rows(10))
    state = kept.save("000001")
    (tmp_path / "000001.arrow").unlink()  # what is mapped stays as it was
    (tmp_path / "000001.arrow").write_bytes(b"ARROW1 no more")
    with pytest.raises(RowsError, match=r"000001\.arrow: expected a file of rows"):
        history(tmp_path).load(state)
    (tmp_path / "000001.arrow").unlink()
    with pytest.raises(RowsError, match=r"000001\.arrow"):
        kept.load(state)
    assert names(kept.sample()) == names(make_rows(10))
    with pytest.raises(SamplerError, match="rows of another schema"):
        history(tmp_path).load(HistoryState({"schema": "other"}, 0, ()))
    with pytest.raises(SamplerError, match="expected a state"):
        HistoryState.from_json({"seen": 1})


def test_an_empty_history(tmp_path: Path) -> None:
    kept = history(tmp_path / "new")
    assert kept.save("000001").segments == ()
    assert not (tmp_path / "new").exists()
    assert kept.sample() == Rows.empty(SCHEMA, TOPICS)
    assert len(kept.recall(5, 1, 1)[1]) == 0
