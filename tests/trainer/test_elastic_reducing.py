"""Slices of any number are summed over workers in pieces of a few sizes."""

import numpy as np
import pytest
import tensorflow as tf

from trainer.elastic.reducing import PIECES, _in_pieces


class Twins:
    """A replica's context whose workers all have the same; it notes the shapes of collectives."""

    def __init__(self) -> None:
        self.strategy = self.extended = self
        self.shapes: set[tuple[int, ...]] = set()

    def _replica_ctx_all_reduce(
        self, operation: tf.distribute.ReduceOp, own: tf.Tensor
    ) -> tf.Tensor:
        assert operation == tf.distribute.ReduceOp.SUM
        self.shapes.add(tuple(own.shape))
        return own * 2


@pytest.mark.parametrize("rows", [0, 1, 40, 700, 50_000])
def test_tensors_of_any_size_are_summed_and_keep_their_shapes(rows: int) -> None:
    twins, random = Twins(), np.random.default_rng(rows)
    floats = random.normal(size=(rows, 23)).astype(np.float32)
    indices = random.integers(0, 9, rows)
    more = random.normal(size=rows // 2).astype(np.float32)
    found = _in_pieces(twins, [tf.constant(each) for each in (floats, indices, more)])
    for own, sums in zip((floats, indices, more), found, strict=True):
        assert sums.dtype == own.dtype
        np.testing.assert_array_equal(sums.numpy(), own * 2)
    assert twins.shapes <= {(size,) for size in PIECES}
