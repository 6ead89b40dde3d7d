"""What workers make of their rows together is what one would make of all of them."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import (
    Augmentations,
    BottomK,
    Field,
    History,
    HistoryState,
    Roster,
    Rows,
    Schema,
    Segments,
    Statistics,
    Step,
    Vocabularies,
    grow_together,
    make_augmentation,
    shared_dataset,
    training_dataset,
    update_together,
)
from ingest.ragged import Ragged
from millstream.testing import run_workers
from tests.ingest.samples import SCHEMA, TOPICS, make_rows
from tests.ingest.test_history import selection

WORDS = Schema((Field("word", "category", "feature", grow=9), Field("y", "float32", "label")))


def own_rows(rows: Rows, workers: object) -> Rows:
    return rows.take(np.flatnonzero(rows.partition % workers.size == workers.rank))


@settings(deadline=None, max_examples=30)
@given(
    way=st.sampled_from(["uniform", "weighted", "recent", "balanced", "stratified"]),
    counts=st.lists(st.integers(0, 120), min_size=1, max_size=5),
    sizes=st.lists(st.integers(1, 4), min_size=5, max_size=5),
    most_bytes=st.sampled_from([None, 2_000]),
)
def test_a_history_of_any_number_of_workers(tmp_path_factory, way, counts, sizes, most_bytes):
    """Each step has another number of workers, and goes on from the step before."""
    whole = BottomK(selection(way, most_bytes=most_bytes), TOPICS)
    folder, state, first = tmp_path_factory.mktemp("history"), None, 0
    for number, (count, size) in enumerate(zip(counts, sizes, strict=False)):
        rows = make_rows(count, first=first)
        first += count
        whole.offer(rows)

        def work(workers, number=number, rows=rows, state=state):
            kept = History(selection(way, most_bytes=most_bytes), TOPICS, Segments(folder), workers)
            if state is not None:
                kept.load(HistoryState.from_json(state))
            kept.offer(own_rows(rows, workers))
            saved = kept.save(f"{number:06d}-{workers.rank}").to_json()
            return kept.sample(), kept.weights(), len(kept), saved, kept.recall(10, 1, number)

        found = run_workers(size, work)
        sample, weights = whole.sample(), whole.weights()
        assert Rows.concat([part for part, *_ in found]).sorted_by_identity() == sample
        assert {length for _, _, length, *_ in found} == {len(sample)}
        together = np.concatenate([part for _, part, *_ in found])
        assert sorted(together) == sorted(weights)
        state = found[0][3]
        assert all(saved == state for *_, saved, _ in found)
        assert state["seen"] == whole.seen
        recalled = Rows.concat([rows for *_, (rows, _) in found])
        assert len(recalled) == min(10, len(sample))
        alone = History(selection(way, most_bytes=most_bytes), TOPICS, Segments(folder))
        alone.load(HistoryState.from_json(state))
        rows, stand_for = alone.recall(10, 1, number)
        assert recalled.sorted_by_identity() == rows
        assert sorted(np.concatenate([each for *_, (_, each) in found])) == sorted(stand_for)


@pytest.mark.parametrize("size", [1, 2, 3])
def test_statistics_do_not_depend_on_the_number_of_workers(size):
    rows = make_rows(300).sorted_by_identity()
    weights = 1.0 + np.arange(300) % 3
    before = Statistics.empty(SCHEMA).updated(make_rows(50, first=300))

    def work(workers):
        mine = rows.partition % workers.size == workers.rank
        return update_together(before, rows.take(mine), weights[mine], workers).to_json()

    found = run_workers(size, work)
    assert all(each == run_workers(1, work)[0] for each in found)
    at_once = before.updated(rows, weights)
    now = Statistics.from_json(found[0], SCHEMA)
    assert (now.rows, now.weight) == (at_once.rows, at_once.weight)
    assert now.counts("city").tolist() == at_once.counts("city").tolist()
    assert now.quantile("amount", 0.3) == at_once.quantile("amount", 0.3)
    np.testing.assert_allclose(now.mean("amount"), at_once.mean("amount"), rtol=1e-12)
    np.testing.assert_allclose(now.variance("amount"), at_once.variance("amount"), rtol=1e-12)


def word_rows(words: list[str]) -> Rows:
    number = np.arange(len(words))
    encoded = [word.encode() for word in words]
    splits = np.cumsum([0, *map(len, encoded)])
    columns = {
        "word": Ragged(np.frombuffer(b"".join(encoded), np.uint8), splits.astype(np.int64)),
        "y": np.zeros(len(words), np.float32),
    }
    partition = (number * 7 % 3).astype(np.int32)
    zeros = np.zeros(len(words), np.int32)
    return Rows(("a",), zeros, partition, number.astype(np.int64), 0 * number, columns)


@settings(deadline=None, max_examples=40)
@given(words=st.lists(st.sampled_from([*"abcdefghijkl"]), max_size=40))
def test_words_get_the_same_codes(words):
    rows, known = word_rows(words), Vocabularies({"word": (b"d",)})
    for size in (1, 2, 3):
        found = run_workers(size, lambda w: grow_together(known, own_rows(rows, w), WORDS, w))
        assert all(each == known.grow(rows, WORDS) for each in found)


def batches(dataset) -> list:
    return list(dataset.as_numpy_iterator())


@pytest.mark.parametrize("rows", [make_rows(0), make_rows(1), make_rows(100)])
@pytest.mark.parametrize("batch_size", [1, 16, 100])
def test_batches_are_those_of_one_worker(rows, batch_size):
    options = {"batch_size": batch_size, "epochs": 2, "seed": 5}
    weights = (1.0 + rows.offset % 5).astype(np.float64)
    noise = make_augmentation("gaussian_noise", {"features": ["amount"]})
    known = Statistics.empty(SCHEMA).updated(make_rows(50))
    augment = Augmentations([Step(noise, 0.7)], known)
    whole = batches(training_dataset(rows, SCHEMA, weights=weights, augment=augment, **options))

    def roster_of(workers):
        own = own_rows(rows, workers)
        mine = rows.partition % workers.size == workers.rank
        return own, Roster.of(own, weights[mine], workers)

    for size in (1, 3):
        parts = [
            batches(shared_dataset(own, roster, SCHEMA, augment=augment, **options))
            for own, roster in run_workers(size, roster_of)
        ]
        assert {len(part) for part in parts} == {len(whole)}
        for expected, *found in zip(whole, *parts, strict=True):
            places = np.concatenate([place["at"] for *_, place in found])
            order = np.argsort(places)
            assert places[order].tolist() == list(range(len(expected[1])))
            assert {int(place["rows"]) for *_, place in found} == {len(expected[1])}
            for name, column in expected[0].items():
                together = np.concatenate([features[name] for features, *_ in found])
                assert together[order].tolist() == column.tolist(), name
            for at in (1, 2):
                together = np.concatenate([part[at] for part in found])
                assert together[order].tolist() == expected[at].tolist()


def test_shares_are_the_partitions_of_all_workers():
    rows = make_rows(60)

    def work(workers):
        own = own_rows(rows, workers)
        roster = Roster.of(own, np.ones(len(own)), workers)
        return own, roster.of_own(roster.share)

    for size in (1, 2, 5):
        for own, share in run_workers(size, work):
            assert (share == 3 * own.topic + own.partition).all()
