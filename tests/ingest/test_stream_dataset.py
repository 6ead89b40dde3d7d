"""The dataset over records in memory: what tf.data and Keras take is what is counted."""

import gc
import threading
import time
from contextlib import contextmanager

import keras
import numpy as np
import pytest
import tensorflow as tf

from ingest import SchemaError, SettingsError, SourceError
from ingest.stream.chunks import BatchSettings
from ingest.stream.fields import make_schema
from ingest.stream.tensors import TensorLayout
from ingest.stream.tf_dataset import StreamDataset, make_given, make_marked
from tests.ingest.samples import MemorySource
from tests.ingest.stream_samples import SCHEMA, PlainDecoder, Taken, good, memory, numbers, records

RECORDS = records({("a", 0): 90, ("a", 1): 40, ("b", 0): 61})
GOOD = [partition * 1_000_000 + offset for _, partition, offset in good(RECORDS)]


class Given(Taken):
    """A stream whose rows a dataset gives."""

    def __init__(self, *arguments, batch=8, drop=False, linger=None, offsets=False, **settings):
        super().__init__(*arguments, whole=batch if drop else 1, **settings)
        variable = make_given()
        self.stream._given = lambda: tuple(variable.numpy().tolist())
        layout = TensorLayout(self.settings.schema, offsets)
        batches = BatchSettings(batch, drop, linger)
        marked = make_marked(self.stream.start_run, layout, batches)
        self.dataset = StreamDataset(self.stream, variable, marked)


def given(found=RECORDS, **settings):
    topics = tuple(sorted({topic for topic, _ in found}))
    return Given(memory(found), topics=topics, **settings).dataset


def rest(dataset, **settings):
    """The numbers that a dataset restored from the state of another one gives."""
    return numbers(given(start=dataset.state(), **settings))


def model():
    inputs = {"n": keras.Input((), name="n"), "half": keras.Input((), name="half")}
    stacked = keras.ops.stack([inputs["n"] * 1e-7, inputs["half"] * 1e-7], axis=1)
    made = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(stacked))
    made.compile("sgd", "binary_crossentropy")
    return made


@contextmanager
def all_threads_end():
    before = set(threading.enumerate())
    yield
    gc.collect()
    deadline = time.monotonic() + 10
    while left := [t for t in set(threading.enumerate()) - before if "read-ahead" in t.name]:
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


@pytest.mark.parametrize("way", [{}, {"shuffle": 32}], ids=["in order", "shuffled"])
def test_after_each_batch_the_state_restores_the_rest(way):
    whole = numbers(given(block_rows=32, **way))
    assert sorted(whole) == sorted(GOOD)
    dataset = given(block_rows=32, batch=24, **way)
    count = 0
    for features, _ in dataset:
        count += len(features["n"])
        assert rest(dataset, block_rows=32, **way) == whole[count:]
    assert count == len(whole)


@pytest.mark.parametrize(
    "steps",
    [
        lambda ds: ds,
        lambda ds: ds.prefetch(4),
        lambda ds: ds.map(lambda f, y: (f, y), num_parallel_calls=4).prefetch(tf.data.AUTOTUNE),
        lambda ds: ds.prefetch(2).map(lambda f, y: (f, y)).filter(lambda f, y: True),
    ],
    ids=["plain", "prefetch", "parallel map", "chain"],
)
def test_what_is_read_ahead_was_not_given(steps):
    dataset = steps(given(block_rows=32))
    assert isinstance(dataset, tf.data.Dataset)
    found, whole = iter(dataset), numbers(given(block_rows=32))
    for count in range(1, 4):
        next(found)
        time.sleep(0.05)
        assert rest(dataset, block_rows=32) == whole[8 * count :]
    position = dataset.position()
    assert position == dataset.state().position
    del found


def test_a_batch_that_a_filter_leaves_out_counts_with_the_next():
    whole = numbers(given(block_rows=32, batch=24))
    dataset = given(block_rows=32, batch=24).filter(lambda f, y: f["n"][0] % 2 == 0)
    passing = [at for at in range(0, len(whole), 24) if whole[at] % 2 == 0]
    for at, (features, _) in zip(passing, dataset, strict=True):
        assert features["n"].numpy().tolist() == whole[at : at + 24]
        assert rest(dataset, block_rows=32) == whole[at + 24 :]
    assert 0 < len(passing) < 7


def test_the_order_cannot_be_given_up():
    with pytest.raises(SettingsError, match="deterministic"):
        given().map(lambda f, y: (f, y), num_parallel_calls=2, deterministic=False)


@pytest.mark.parametrize("steps_per_execution", [1, 3])
def test_keras_is_given_what_it_trains_on(steps_per_execution):
    dataset = given(block_rows=32)
    trained = model()
    trained.compile("sgd", "binary_crossentropy", steps_per_execution=steps_per_execution)
    counts = []

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            counts.append((batch + 1, dataset._given.numpy()[1] // 8))

    trained.fit(dataset, steps_per_epoch=6, epochs=2, verbose=0, callbacks=[Look()])
    assert int(trained.optimizer.iterations) == 12
    steps = [6 * epoch + batch for epoch in (0, 1) for batch in (1, 2, 3, 4, 5, 6)]
    assert [taken for _, taken in counts] == steps[steps_per_execution - 1 :: steps_per_execution]
    assert rest(dataset, block_rows=32) == numbers(given(block_rows=32))[12 * 8 :]


def test_keras_epochs_are_epochs_of_the_range_each_in_its_own_order():
    dataset = given(shuffle=64)
    epochs, batches = [], []
    seen = dataset.map(lambda f, y: (f, y))

    class Look(keras.callbacks.Callback):
        def on_train_batch_end(self, batch, logs=None):
            batches.append(batch)

        def on_epoch_end(self, epoch, logs=None):
            epochs.append(dataset.state().epoch)

    model().fit(seen, epochs=3, verbose=0, callbacks=[Look()])
    assert epochs == [0, 1, 2]
    assert batches == 3 * list(range(-(-len(GOOD) // 8)))
    assert numbers(dataset) != numbers(dataset)


def test_columns_of_all_kinds_become_tensors():
    schema = make_schema(
        {
            "text": "string",
            "word": {"type": "category", "vocabulary": ["a"], "grow": 9},
            "list": {"type": "float32", "length": "ragged"},
            "pair": {"type": "int32", "length": 2},
            "when": "timestamp",
            "yes": "bool",
            "y": "float32",
            "w": "float32",
        },
        label="y",
        weight="w",
    )
    rows = [
        b'{"text": "%s", "word": "b", "list": %s, "pair": [1, 2], "when": 5,'
        b' "yes": true, "y": 1, "w": 2}' % (text, values)
        for text, values in [(b"x\\u0000", b"[1.5]"), (b"", b"[]"), ("ø".encode(), b"[1, 2, 3]")]
    ]
    found = {("a", 0): list(enumerate(rows))}
    dataset = given(found, schema=schema, decoder=PlainDecoder(schema), batch=2, offsets=True)
    batches = list(dataset)
    features, label, weight = batches[0]
    assert features["text"].numpy().tolist() == [b"x\0", b""]
    assert features["word"].numpy().tolist() == [b"b", b"b"]
    assert features["list"].to_list() == [[1.5], []]
    assert features["pair"].numpy().tolist() == [[1, 2], [1, 2]]
    assert (features["when"].dtype, features["when"].numpy().tolist()) == (tf.int64, [5, 5])
    assert features["yes"].numpy().tolist() == [True, True]
    assert features["kafka_topic"].numpy().tolist() == [b"a", b"a"]
    assert features["kafka_partition"].numpy().tolist() == [0, 0]
    assert features["kafka_offset"].numpy().tolist() == [0, 1]
    assert features["kafka_timestamp"].numpy().tolist() == [1000, 1001]
    assert (label.numpy().tolist(), weight.numpy().tolist()) == ([1, 1], [2, 2])
    assert batches[1][0]["list"].to_list() == [[1, 2, 3]]
    assert batches[1][0]["text"].numpy().tolist() == ["ø".encode()]
    for batch in batches:
        assert tf.nest.map_structure(
            lambda a, s: s.is_compatible_with(a), batch, dataset.element_spec
        )


def test_without_a_label_there_are_features_alone():
    schema = make_schema({"n": "int64"})
    dataset = given(schema=schema, decoder=PlainDecoder(schema))
    assert set(next(iter(dataset))) == {"n"}
    assert dataset.map(lambda f: f["n"]).element_spec == tf.TensorSpec((None,), tf.int64)


def test_a_field_may_not_have_the_name_of_an_offset():
    schema = make_schema({"kafka_offset": "int64"})
    with pytest.raises(SchemaError, match="with_offsets"):
        TensorLayout(schema, with_offsets=True)


def test_whole_batches_only():
    dataset = given(drop=True)
    assert dataset.element_spec[1].shape == (8,)
    whole = len(GOOD) // 8 * 8
    assert len(numbers(dataset)) == whole
    assert len(rest(dataset)) == len(GOOD) - whole
    assert len(numbers(dataset)) == whole
    assert dataset.state().epoch == 1


@pytest.mark.parametrize("ahead", [0, 3])
def test_an_iterator_that_is_dropped_ends_its_thread_and_closes_its_source(ahead):
    opened = []

    def source(start):
        opened.append(MemorySource(RECORDS, start))
        return opened[-1]

    with all_threads_end():
        dataset = Given(source, block_rows=8).dataset
        dataset = dataset.prefetch(ahead) if ahead else dataset
        for _ in dataset:
            break
        found = iter(dataset)
        next(found)
        del found, dataset
    assert len(opened) == 3
    assert all(each.closed for each in opened[1:])


def test_an_unbounded_one_that_waits_can_be_dropped_and_closed():
    found = records({("a", 0): 20})
    with all_threads_end():
        dataset = given(found, end=None, batch=5).prefetch(1)
        iterator = iter(dataset)
        next(iterator)
        del iterator, dataset
    dataset = given(found, end=None, batch=5, linger=0.1)
    iterator = iter(dataset)
    sizes = [len(next(iterator)[1]) for _ in range(4)]
    assert sizes == [5, 5, 5, 2]
    closing = threading.Timer(0.3, dataset.close)
    closing.start()
    with pytest.raises(StopIteration):
        next(iterator)
    closing.join()
    assert dataset.position().get("a", 0) == 20


def test_errors_reach_the_consumer():
    class Failing(PlainDecoder):
        def decode(self, batch):
            raise SourceError("the broker is on fire")

    dataset = given(decoder=Failing(SCHEMA))
    with pytest.raises(tf.errors.UnknownError, match="SourceError: the broker is on fire"):
        next(iter(dataset))
    assert isinstance(dataset.failure, SourceError)


def test_counts_of_what_was_read():
    dataset = given()
    assert (dataset.counts, dataset.records_read, dataset.gaps) == ({}, 0, ())
    count = sum(1 for _ in dataset)
    assert count == -(-len(GOOD) // 8)
    bad = sum(map(len, RECORDS.values())) - len(GOOD)
    assert dataset.counts == {"not_json": bad}
    assert dataset.records_read == len(GOOD) + bad
    assert np.array_equal(sorted(numbers(given())), sorted(GOOD))
