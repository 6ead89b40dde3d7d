"""Any number of rows is cut into chunks of few different lengths."""

import numpy as np
import pytest
import tensorflow as tf
from conftest import make_data, make_model
from hypothesis import given
from hypothesis import strategies as st

import trainer
from trainer.few_lengths import chunks, few_lengths
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
    batches = in_batches((tf.range(rows), tf.range(rows)))
    assert [len(part) for part, _ in batches] == few_lengths(rows, 4096)
    assert int(batches.cardinality()) == len(few_lengths(rows, 4096))
