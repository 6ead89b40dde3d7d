"""Any number of rows is cut into chunks of few different lengths."""

from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import make_data, make_dataset, make_model
from hypothesis import given
from hypothesis import strategies as st

import trainer
from trainer import TrainSettings
from trainer.few_lengths import chunks, few_lengths, may_be_cut
from trainer.fit.assignment import assign
from trainer.fit.held_rows import in_batches


@given(st.integers(0, 30_000), st.sampled_from([4096, 8192]))
def test_every_row_is_in_one_chunk_in_order(rows: int, most: int) -> None:
    places = np.arange(rows)
    np.testing.assert_array_equal(np.concatenate([places[at] for at in chunks(rows, most)]), places)
    lengths = few_lengths(rows, most)
    assert sum(lengths) == rows
    assert all(0 < length <= most for length in lengths)
    assert len(lengths) <= rows // most + 3


def test_there_are_few_lengths() -> None:
    assert len({length for rows in range(20_000) for length in few_lengths(rows, 4096)}) == 46


@pytest.mark.parametrize("rows", [0, 1, 300, 4097, 9001])
def test_predictions_are_those_of_the_whole(rows: int) -> None:
    features, _ = make_data(rows)
    model = make_model()
    given = {name: tf.constant(column)[:, None] for name, column in features.items()}
    whole = model(given, training=False).numpy().reshape(rows)
    np.testing.assert_allclose(trainer.Learner(model).predict(features), whole, rtol=1e-5)


@pytest.mark.parametrize("rows", [1, 300, 4097])
def test_validation_rows_are_cut_so_too(rows: int) -> None:
    batches = in_batches((tf.range(rows), tf.range(rows)), few=True)
    assert [len(part) for part, _ in batches] == few_lengths(rows, 4096)
    assert int(batches.cardinality()) == len(few_lengths(rows, 4096))


def a_loss(labels: Any, outputs: Any) -> Any:
    return keras.ops.mean(keras.ops.square(labels - outputs), axis=-1)


class OwnMetric(keras.metrics.Mean):
    """One that may look at a batch as a whole."""


MAY_BE_CUT: list[tuple[dict[str, Any], bool]] = [
    ({"loss": "binary_crossentropy"}, True),
    ({"loss": "mse", "metrics": ["auc", keras.metrics.Recall()]}, True),
    ({"loss": keras.losses.Huber(), "weighted_metrics": ["mae"]}, True),
    ({"loss": keras.losses.mean_squared_error}, True),
    ({"loss": keras.losses.Huber(reduction="sum")}, False),
    ({"loss": keras.losses.Huber(reduction="mean_with_sample_weight")}, False),
    ({"loss": a_loss}, False),
    ({"loss": "mse", "metrics": [a_loss]}, False),
    ({"loss": "mse", "metrics": [keras.metrics.MeanMetricWrapper(a_loss)]}, False),
    ({"loss": "mse", "weighted_metrics": [OwnMetric()]}, False),
]


@pytest.mark.parametrize(("compiled", "expected"), MAY_BE_CUT)
def test_what_may_look_at_a_whole_batch_is_not_cut(
    compiled: dict[str, Any], expected: bool
) -> None:
    model = make_model(**compiled)
    assert may_be_cut(model) is expected
    features, labels = make_data(300)
    task = assign(
        model, *make_dataset(make_data(64), 1), (features, labels, None), TrainSettings(epochs=1)
    )
    lengths = [len(part) for _, part in task.validation]
    assert lengths == ([256, 32, 12] if expected else [300])
