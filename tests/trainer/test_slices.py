import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trainer
from trainer import SliceScore, SliceSettings, slice_scores

ALL = SliceSettings(most=100, least_rows=1)


def test_each_slice_is_scored_by_itself() -> None:
    labels = np.array([1, 0, 1, 0, 1, 1])
    chances = np.array([0.9, 0.1, 0.8, 0.9, 0.2, 0.3])
    carrier = np.array(["AA", "AA", "AA", "UA", "UA", "UA"])
    found = slice_scores("binary", labels, chances, None, {"carrier": carrier}, ALL)
    assert list(found) == ["carrier"]
    assert {value: part.metrics["accuracy"] for value, part in found["carrier"].items()} == {
        "AA": 1.0,
        "UA": 0.0,
    }
    assert found["carrier"]["AA"] == SliceScore(3, trainer.score("binary", labels[:3], chances[:3]))


def test_rare_values_are_one_slice_and_few_rows_have_no_metrics() -> None:
    labels = np.arange(10.0)
    group = np.array(list("aaaabbbccd"))
    found = slice_scores(
        "regression", labels, labels + 1, None, {"g": group}, SliceSettings(2, least_rows=4)
    )["g"]
    assert list(found) == ["a", "b", trainer.OTHERS]
    assert [part.rows for part in found.values()] == [4, 3, 3]
    assert found["a"].metrics["mae"] == 1.0
    assert found["b"].to_json() == {"rows": 3}


def test_weights_count_in_a_slice() -> None:
    found = slice_scores(
        "binary",
        np.array([1, 1, 0]),
        np.array([0.9, 0.1, 0.2]),
        np.array([3.0, 1.0, 5.0]),
        {"g": np.array(["x", "x", "y"])},
        ALL,
    )
    assert found["g"]["x"].metrics["accuracy"] == 0.75


def test_other_rows_are_refused() -> None:
    with pytest.raises(trainer.MetricError, match=r'slices of "g": expected a value for each'):
        slice_scores("binary", np.zeros(3), np.zeros(3), None, {"g": np.array(["x"])})


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 1), st.floats(0, 1)), min_size=1),
    st.integers(1, 6),
    st.randoms(use_true_random=False),
)
def test_slices_tile_the_rows_in_any_order(rows, most, random) -> None:
    def scored(order):
        values, labels, chances = zip(*order, strict=True)
        return slice_scores(
            "binary",
            np.array(labels),
            np.array(chances),
            None,
            {"g": np.array(values)},
            SliceSettings(most, 1),
        )["g"]

    found = scored(rows)
    assert sum(part.rows for part in found.values()) == len(rows)
    mean = sum(part.rows * part.metrics["accuracy"] for part in found.values()) / len(rows)
    _values, labels, chances = zip(*rows, strict=True)
    whole = trainer.score("binary", np.array(labels), np.array(chances))
    assert mean == pytest.approx(whole["accuracy"])
    shuffled = list(rows)
    random.shuffle(shuffled)
    assert {k: v.rows for k, v in scored(shuffled).items()} == {k: v.rows for k, v in found.items()}
