import numpy as np
import tensorflow as tf
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest.ragged import Ragged
from ingest.stream.string_tensors import string_tensor

texts = st.lists(st.one_of(st.binary(max_size=9), st.binary(min_size=120, max_size=140)))


@settings(deadline=None)
@given(texts)
def test_all_bytes_come_through(found):
    tensor = tf.io.parse_tensor(string_tensor(Ragged.of(found, np.uint8)), tf.string)
    assert tensor.shape == (len(found),)
    assert tensor.numpy().tolist() == found


def test_many_and_long_ones():
    for found in ([b"x" * 100_000, b""], [b"%d" % n for n in range(70_000)]):
        tensor = tf.io.parse_tensor(string_tensor(Ragged.of(found, np.uint8)), tf.string)
        assert tensor.numpy().tolist() == found
