"""Errors of predictions, row by row, from 0 to 1."""

import numpy as np
import pytest

from trainer.drift.row_errors import error_scale, row_errors
from trainer.errors import DriftError

PROBABILITIES = np.array([[0.7, 0.2, 0.1], [0.3, 0.3, 0.4], [0.0, 1.0, 0.0]], np.float32)
CASES = [
    ("binary", [1, 0, 1, 0], [0.9, 0.9, 0.5, 0.1], "absolute", [0.1, 0.9, 0.5, 0.1]),
    ("binary", [1, 0, 1, 0], [0.9, 0.9, 0.5, 0.1], "zero_one", [0, 1, 1, 0]),
    ("binary", [1, 0], [[0.1, 0.9], [0.2, 0.8]], "absolute", [0.1, 0.8]),
    ("binary", [1, 0], [[0.1, 0.9], [0.2, 0.8]], "zero_one", [0, 1]),
    ("binary", [1, 0], [[0.9], [0.8]], "absolute", [0.1, 0.8]),
    ("binary", [0, 0], [np.nan, 0.1], "zero_one", [1, 0]),
    ("multiclass", [0], [[np.nan, 0.5, 0.5]], "zero_one", [1]),
    ("multiclass", [0, 1, 2], PROBABILITIES, "absolute", [0.3, 0.7, 1.0]),
    ("multiclass", [0, 1, 2], PROBABILITIES, "zero_one", [0, 1, 1]),
    ("regression", [1.0, 5.0, -2.0], [1.0, 3.0, 4.0], "absolute", [0.0, 0.5, 0.75]),
    ("binary", [True, False], [np.nan, 0.0], "absolute", [1.0, 0.0]),
    ("regression", [0.0, 0.0], [np.inf, np.nan], "absolute", [1.0, 1.0]),
    ("binary", [], [], "zero_one", []),
    ("multiclass", [], np.empty((0, 3)), "zero_one", []),
]


@pytest.mark.parametrize(("task", "labels", "output", "kind", "expected"), CASES)
def test_errors(task, labels, output, kind, expected) -> None:
    found = row_errors(task, np.asarray(labels), np.asarray(output), kind, scale=2.0)
    assert found.dtype == np.float64
    assert found == pytest.approx(expected, abs=1e-7)


@pytest.mark.parametrize(
    ("task", "labels", "output", "kind"),
    [
        ("regression", [1.0], [1.0], "zero_one"),
        ("binary", [1, 0], [0.5], "absolute"),
        ("binary", [1], [[0.5, 0.3, 0.2]], "absolute"),
        ("binary", [2], [0.5], "absolute"),
        ("multiclass", [1], [0.5], "zero_one"),
        ("multiclass", [3], [[0.5, 0.3, 0.2]], "absolute"),
        ("multiclass", [-1], [[0.5, 0.3, 0.2]], "zero_one"),
    ],
)
def test_what_does_not_fit_is_refused(task, labels, output, kind) -> None:
    with pytest.raises(DriftError, match="expected"):
        row_errors(task, np.asarray(labels), np.asarray(output), kind)


def test_the_scale_is_the_median_distance_from_the_median() -> None:
    assert error_scale(np.array([0.0, 1.0, 2.0, 9.0, 4.0, np.nan])) == 2.0
    assert error_scale(np.array([5.0, 5.0, 5.0, 9.0])) == 1.0
    assert error_scale(np.zeros(0)) == 1.0
