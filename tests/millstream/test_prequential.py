"""Scores of a round: a function of its rows, whoever tested which of them."""

from __future__ import annotations

import json

import numpy as np
import pytest

import trainer
from ingest import Field, Rows, Schema, Statistics
from millstream.config.config import Config
from millstream.prequential import rows as holdout
from millstream.prequential.scores import score_rows
from millstream.prequential.slices import UNKNOWN, groups_of


def make_config(**section: object) -> Config:
    return Config.model_validate(
        {
            "kafka": {"topics": ["t", "u"]},
            "schema": {
                "label": {"name": "y", "type": "bool"},
                "features": {"a": "float32", "kind": {"type": "category", "vocabulary": ["p"]}},
            },
            "train": {"task": "binary"},
            "trigger": {"records": 10},
            "registry": {"name": "m"},
            "prequential": {"slices": ["kind"], "slice_rows": 5, "fading": 0.99} | section,
        }
    )


def make_tested(rows: int = 200, seed: int = 0) -> holdout.Tested:
    random = np.random.default_rng(seed)
    return holdout.Tested(
        topic=random.integers(0, 2, rows, np.int32),
        partition=random.integers(0, 4, rows, np.int32),
        offset=random.permutation(rows).astype(np.int64),
        timestamp=random.integers(0, 20, rows),
        labels=random.integers(0, 2, rows) > 0,
        weights=random.uniform(0.5, 2, rows),
        learner=random.uniform(0, 1, rows).astype(np.float32),
        champion=random.uniform(0, 1, rows).astype(np.float32),
        champion_version=3,
        groups={"kind": np.array(["p", "q", "rare"])[random.integers(0, 3, rows)]},
    )


def of_worker(tested: holdout.Tested, rank: int, size: int) -> holdout.Tested:
    return tested.take(np.flatnonzero(tested.partition % size == rank))


@pytest.mark.parametrize("size", [1, 2, 3, 5])
def test_workers_that_gather_their_rows_have_the_same_report(size: int) -> None:
    config = make_config()
    whole = make_tested().sorted_by_time()
    report = score_rows(config, whole, {})
    again = score_rows(config, make_tested(seed=1).sorted_by_time(), report)
    for number, expected, before in ((0, report, {}), (1, again, json.loads(json.dumps(report)))):
        sent = [of_worker(make_tested(seed=number), rank, size).to_bytes() for rank in range(size)]
        merged = holdout.Tested.merge([holdout.Tested.from_bytes(data) for data in sent])
        assert score_rows(config, merged, before) == expected
    assert {"learner", "champion", "majority_class", "no_change"} <= set(again)
    assert again["champion_version"] == 3
    assert set(again["slices"]["learner"]["kind"]) == {"p", "q", "rare"}


def test_the_faded_scores_are_those_of_all_rows_so_far() -> None:
    config, parts = make_config(), [make_tested(60, seed).sorted_by_time() for seed in range(3)]
    report: dict = {}
    for part in parts:
        report = score_rows(config, part, report)
    s = b = 0.0
    for part in parts:
        for label, chance, weight in zip(part.labels, part.learner, part.weights, strict=True):
            s, b = weight * ((chance > 0.5) == label) + 0.99 * s, weight + 0.99 * b
    assert report["faded"]["learner"]["accuracy"] == pytest.approx(s / b)
    assert report["rows"] == 60


def test_what_one_worker_cannot_predict_nobody_has_predicted() -> None:
    config, whole = make_config(), make_tested()
    before = score_rows(config, whole.sorted_by_time(), {})
    one, other = (of_worker(whole, rank, 2) for rank in range(2))
    arrays = {name: getattr(other, name) for name in ("topic", "partition", "offset", "timestamp")}
    blind = holdout.Tested(
        **arrays, labels=other.labels, weights=other.weights, failed="no such index"
    )
    told = score_rows(config, holdout.Tested.merge([one, blind]), before)
    assert told["failed"] == "no such index"
    assert "learner" not in told
    assert (told["state"], told["faded"]) == (before["state"], before["faded"])


def test_a_champion_of_another_task_is_left_out() -> None:
    whole = make_tested().sorted_by_time()
    odd = holdout.Tested(**{**vars(whole), "champion": np.ones((len(whole), 3), np.float32)})
    told = score_rows(make_config(), odd, {})
    assert "learner" in told
    assert not {"champion", "champion_version"} & set(told)


def test_without_rows_all_is_as_it_was() -> None:
    config = make_config()
    before = score_rows(config, make_tested().sorted_by_time(), {})
    nothing = holdout.Tested.merge([make_tested(0), make_tested(0)])
    told = score_rows(config, nothing, before)
    assert told == {"rows": 0, "state": before["state"], "faded": before["faded"]}


def test_a_damaged_state_is_refused() -> None:
    config = make_config()
    report = score_rows(config, make_tested().sorted_by_time(), {})
    report["faded"]["learner"]["format"] = 9
    with pytest.raises(trainer.MetricError, match="expected format 1, got format 9"):
        score_rows(config, make_tested().sorted_by_time(), report)


def test_rows_are_grouped_by_word_bucket_truth_and_quantile() -> None:
    schema = Schema(
        (
            Field("kind", "category", vocabulary=("p", "q")),
            Field("city", "category", buckets=2),
            Field("late", "bool"),
            Field("a", "float32"),
            Field("y", "bool", "label"),
        )
    )
    columns = {
        "kind": np.array([0, 1, 2, 1], np.int32),
        "city": np.array([1, 2, 0, 1], np.int32),
        "late": np.array([True, False, True, False]),
        "a": np.array([1.0, 2.0, 3.0, 40.0], np.float32),
        "y": np.zeros(4, bool),
    }
    rows = Rows(
        ("t",),
        np.zeros(4, np.int32),
        np.zeros(4, np.int32),
        np.arange(4),
        np.arange(4),
        columns,
    )
    nothing = Statistics.empty(schema)
    found = groups_of(("kind", "city", "late", "a"), rows, schema, nothing, 4)
    assert {name: values.tolist() for name, values in found.items()} == {
        "kind": [UNKNOWN, "p", "q", "p"],
        "city": ["bucket 1", "bucket 2", UNKNOWN, "bucket 1"],
        "late": ["true", "false", "true", "false"],
    }
    known = nothing.updated(rows)
    assert groups_of(("a",), rows, schema, known, 4)["a"].tolist() == ["q1", "q2", "q3", "q4"]


@pytest.mark.parametrize(
    ("section", "message"),
    [
        ({"slices": ["b"]}, r'expected features, got "b"; there are a, kind'),
        ({"slices": ["a", "a"]}, r'"a" is there twice'),
        ({"river": "perceptron"}, r"or your own as module:function"),
        ({"river": "linear_regression"}, r'for task "binary", got "linear_regression"'),
        ({"fading": 0.0}, r"greater than 0"),
    ],
)
def test_a_section_that_does_not_fit_is_refused(section: dict, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        make_config(**section)
