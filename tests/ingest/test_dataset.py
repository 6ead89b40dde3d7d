import numpy as np
import pytest

from ingest import Roster, Rows, Schema, shared_dataset, steps_per_epoch, training_dataset
from tests.ingest.samples import SCHEMA, TOPICS, make_rows
from trainer import Alone

WITHOUT_WEIGHT = Schema(SCHEMA.fields[:-1])


def epochs(rows, batch_size=32, count=3, seed=1, schema=SCHEMA):
    """The column `count` of each epoch, in the order of training."""
    dataset = training_dataset(rows, schema, batch_size=batch_size, epochs=count, seed=seed)
    seen = [batch[0]["count"].numpy() for batch in dataset]
    steps = steps_per_epoch(len(rows), batch_size)
    assert len(seen) == steps * count == int(dataset.cardinality())
    return [np.concatenate(seen[e * steps : (e + 1) * steps]).tolist() for e in range(count)]


ROWS = make_rows(80)


@pytest.mark.parametrize("batch_size", [1, 7, 32, 80, 1000])
def test_each_epoch_is_a_permutation(batch_size):
    for epoch in epochs(ROWS, batch_size):
        assert sorted(epoch) == ROWS.columns["count"].tolist()


def test_epochs_differ_and_are_the_same_each_time():
    found = epochs(ROWS, count=4)
    assert len({tuple(epoch) for epoch in found}) == 4
    assert found == epochs(ROWS, count=4)
    assert found[:2] == epochs(ROWS, count=2)
    assert found != epochs(ROWS, count=4, seed=2)


def test_the_order_of_rows_does_not_matter():
    shuffled = ROWS.take(np.random.default_rng(1).permutation(80))
    assert epochs(shuffled) == epochs(ROWS)


def test_the_order_does_not_depend_on_which_others_are_there():
    some = set(range(0, 80, 3))
    part = [[n for n in epoch if n in some] for epoch in epochs(ROWS)]
    assert epochs(ROWS.take(sorted(some))) == part


@pytest.mark.parametrize(
    ("rows", "batch_size", "steps"), [(0, 8, 0), (1, 8, 1), (8, 8, 1), (9, 8, 2)]
)
def test_steps_per_epoch(rows, batch_size, steps):
    assert steps_per_epoch(rows, batch_size) == steps


def test_values_stay_together_and_dtypes_as_they_are():
    dataset = training_dataset(ROWS, SCHEMA, batch_size=9, epochs=1, seed=1)
    by_count = {int(n): at for at, n in enumerate(ROWS.columns["count"])}
    for features, label, weight in dataset.as_numpy_iterator():
        assert list(features) == [f.name for f in SCHEMA.features]
        places = [by_count[int(n)] for n in features["count"]]
        for name, column in features.items():
            assert column.dtype == ROWS.columns[name].dtype
            assert np.array_equal(column, ROWS.columns[name][places])
        assert np.array_equal(label, ROWS.columns["late"][places])
        assert np.array_equal(weight, ROWS.columns["weight"][places])


@pytest.mark.parametrize("schema", [SCHEMA, WITHOUT_WEIGHT])
def test_given_weights_go_with_their_rows_in_place_of_the_schemas(schema):
    given = np.linspace(0.1, 3.0, len(ROWS))
    dataset = training_dataset(ROWS, schema, batch_size=9, epochs=1, seed=1, weights=given)
    by_count = dict(zip(ROWS.columns["count"].tolist(), given.astype(np.float32), strict=True))
    for features, _, weight in dataset.as_numpy_iterator():
        assert weight.tolist() == [by_count[n] for n in features["count"].tolist()]


def test_batches_have_an_open_size_and_no_weight_without_one():
    dataset = training_dataset(ROWS, WITHOUT_WEIGHT, batch_size=9, epochs=1, seed=1)
    features, label = dataset.element_spec
    assert {spec.shape.as_list()[0] for spec in [*features.values(), label]} == {None}


def test_no_rows_make_no_batches():
    rows = Rows.empty(SCHEMA, TOPICS)
    dataset = training_dataset(rows, SCHEMA, batch_size=4, epochs=3, seed=1)
    assert list(dataset) == []


def test_a_keras_model_trains_on_it():
    import keras

    inputs = {
        f.name: keras.Input((), name=f.name, dtype=f.numpy_dtype.name) for f in SCHEMA.features
    }
    joined = keras.ops.stack([keras.ops.cast(x, "float32") for x in inputs.values()], axis=1)
    model = keras.Model(inputs, keras.layers.Dense(1, "sigmoid")(joined))
    model.compile("sgd", "binary_crossentropy")
    dataset = training_dataset(ROWS, SCHEMA, batch_size=32, epochs=2, seed=1)
    history = model.fit(dataset, epochs=2, steps_per_epoch=3, verbose=0)
    assert len(history.history["loss"]) == 2
    assert int(model.optimizer.iterations) == 6


def test_no_thread_tunes_it_whose_sleep_the_end_of_an_iterator_would_wait_for():
    rows = make_rows(50)
    alone = training_dataset(rows, SCHEMA, batch_size=8, epochs=2, seed=1)
    roster = Roster.of(rows, np.ones(50), Alone())
    shared = shared_dataset(rows, roster, SCHEMA, batch_size=8, epochs=2, seed=1)
    assert alone.options().autotune.enabled is False
    assert shared.options().autotune.enabled is False
