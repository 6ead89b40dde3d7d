"""Steps in the training dataset: whose a row's augmentation is, and which rows get one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from ingest import (
    Augmentations,
    Field,
    Rows,
    Schema,
    SettingsError,
    Statistics,
    Step,
    training_dataset,
)
from ingest.augment.augmentation import Context, TrainingBatch
from ingest.augment.image.flip import Flip
from ingest.augment.mixup import MixUp
from ingest.augment.pipeline import bind_steps, row_seeds
from ingest.augment.tabular.dropout import FeatureDropout
from ingest.augment.tabular.noise import GaussianNoise
from ingest.augment.tabular.smote import Smote
from ingest.errors import AugmentError
from tests.ingest.samples import SCHEMA, TOPICS, make_rows

PICTURES = Schema(
    (
        Field("picture", "float32", length=12),
        Field("count", "int32"),
        Field("y", "float32", "label"),
        Field("weight", "float32", "weight"),
    )
)
STEPS = (
    Step(GaussianNoise(scale=0.5), 0.7),
    Step(FeatureDropout(rate=0.3), 0.5),
    Step(MixUp(features=("amount", "big", "member", "city"), alpha=1.0), 0.5),
    Step(Smote(classes=("no", "yes")), 0.4),
)


def pictures(count: int) -> Rows:
    rows = make_rows(count)
    columns = {
        "picture": np.random.default_rng(1).random((count, 12)).astype(np.float32),
        "count": rows.columns["count"],
        "y": (np.arange(count) % 5).astype(np.float32),
        "weight": np.arange(count, dtype=np.float32),
    }
    return replace(rows, columns=columns)


ROWS = make_rows(80)
"""Each has a `weight` and a `user` that no step changes; together they name it."""


def by_row(rows: Rows, batch_size: int, *, seed: int = 1, steps=STEPS) -> list[dict[bytes, bytes]]:
    """What became of each row, by what no step has changed, of two epochs."""
    rows = replace(rows, columns={**rows.columns, "weight": _names(rows)})
    dataset = training_dataset(
        rows, SCHEMA, batch_size=batch_size, epochs=2, seed=seed, augment=Augmentations(steps)
    )
    found: list[dict[bytes, bytes]] = [{}, {}]
    seen = 0
    for features, label, weight in dataset.as_numpy_iterator():
        for at, name in enumerate(weight):
            columns = [features[n][at].tobytes() for n in sorted(features)]
            found[seen // len(rows)][name.tobytes()] = b"".join([*columns, label[at].tobytes()])
            seen += 1
    assert seen == 2 * len(rows)
    assert all(len(epoch) == len(rows) for epoch in found)
    return found


def _names(rows: Rows) -> np.ndarray:
    return (rows.offset * 6 + rows.partition * 2 + rows.topic).astype(np.float32)


WHOLE = by_row(ROWS, 32)


@pytest.mark.parametrize("batch_size", [1, 7, 80, 1000])
def test_the_size_of_a_batch_does_not_tell(batch_size):
    assert by_row(ROWS, batch_size) == WHOLE


def test_the_order_of_the_rows_does_not_tell():
    for seed in range(2):
        shuffled = ROWS.take(np.random.default_rng(seed).permutation(80))
        assert by_row(shuffled, 32) == WHOLE


def test_another_epoch_or_seed_augments_otherwise():
    assert WHOLE[0] != WHOLE[1]
    other = by_row(ROWS, 32, seed=2)
    assert other[0] not in WHOLE


def test_each_row_is_augmented_by_itself():
    """Without partners a row's outcome does not depend on which others are trained on."""
    steps = (Step(Flip("picture", shape=(2, 2, 3)), 0.5),)
    rows, found = pictures(60), []
    for part in (rows, rows.take(np.arange(0, 60, 3))):
        dataset = training_dataset(
            part, PICTURES, batch_size=16, epochs=1, seed=4, augment=Augmentations(steps)
        )
        batches = list(dataset.as_numpy_iterator())
        names = np.concatenate([weight for *_, weight in batches])
        values = np.concatenate([features["picture"] for features, *_ in batches])
        found.append(dict(zip(names.tolist(), map(bytes, values), strict=True)))
    whole, some = found
    assert some == {name: whole[name] for name in some}
    given = dict(zip(range(60), map(bytes, rows.columns["picture"]), strict=True))
    flipped = sum(whole[name] != given[name] for name in given)
    assert 15 < flipped < 45


def test_threads_do_not_tell():
    import tensorflow as tf

    found = []
    for threads in (1, 8):
        dataset = training_dataset(
            ROWS, SCHEMA, batch_size=3, epochs=3, seed=1, augment=Augmentations(STEPS)
        )
        options = tf.data.Options()
        options.threading.private_threadpool_size = threads
        dataset = dataset.with_options(options)
        found.append([x.tobytes() for b in dataset for x in map(np.asarray, tf.nest.flatten(b))])
    assert found[0] == found[1]


def test_without_steps_nothing_is_changed():
    plain = training_dataset(ROWS, SCHEMA, batch_size=9, epochs=2, seed=1)
    for steps in ((), (Step(GaussianNoise(scale=9.0), 0.0),)):
        augment = Augmentations(steps)
        dataset = training_dataset(ROWS, SCHEMA, batch_size=9, epochs=2, seed=1, augment=augment)
        assert dataset.element_spec == plain.element_spec
        for one, other in zip(plain, dataset, strict=True):
            assert [x.tobytes() for x in _flat(one)] == [x.tobytes() for x in _flat(other)]


def test_no_rows_need_no_partners():
    rows = Rows.empty(SCHEMA, TOPICS)
    augment = Augmentations((Step(MixUp()),))
    dataset = training_dataset(rows, SCHEMA, batch_size=4, epochs=2, seed=1, augment=augment)
    assert list(dataset) == []


def test_weights_dtypes_and_shapes_stay():
    plain = training_dataset(ROWS, SCHEMA, batch_size=9, epochs=1, seed=1)
    augment = Augmentations(STEPS)
    dataset = training_dataset(ROWS, SCHEMA, batch_size=9, epochs=1, seed=1, augment=augment)
    assert dataset.element_spec == plain.element_spec
    assert int(dataset.cardinality()) == 9
    for (*_, one), (*_, other) in zip(plain, dataset, strict=True):
        assert np.array_equal(one, other)


@pytest.mark.parametrize("probability", [0.0, 0.3, 1.0])
def test_a_step_changes_its_share_of_the_rows(probability):
    import tensorflow as tf

    rows = make_rows(4000)
    context = Context(SCHEMA, rows.features(SCHEMA), rows.labels(SCHEMA))
    noise = (Step(GaussianNoise(features=("amount",), scale=1.0), probability),)
    transform = bind_steps(noise * 2, context)
    features = {name: tf.constant(column) for name, column in context.features.items()}
    seeds = tf.constant(row_seeds(rows, 3, 0))
    batch = TrainingBatch(
        features, tf.constant(context.label), seeds, tf.range(4000, dtype="int64")
    )
    found = transform(batch)
    changed = np.asarray(found.features["amount"]) != context.features["amount"]
    # Two steps that draw by themselves.
    assert changed.mean() == pytest.approx(1 - (1 - probability) ** 2, abs=0.03)
    assert np.asarray(found.seeds).tobytes() == np.asarray(seeds).tobytes()
    assert found.features["city"] is features["city"]


def test_statistics_of_another_schema_are_refused():
    augment = Augmentations((Step(GaussianNoise()),), Statistics.empty(PICTURES))
    with pytest.raises(AugmentError, match="statistics of the schema of the rows"):
        augment.bind(ROWS, SCHEMA)


@pytest.mark.parametrize("probability", [-0.1, 1.5, True, "often"])
def test_a_probability_is_one(probability):
    with pytest.raises(SettingsError, match=r"augment\.probability: expected a number from 0 to 1"):
        Step(Flip("picture"), probability)


def _flat(batch):
    import tensorflow as tf

    return [np.asarray(part) for part in tf.nest.flatten(batch)]
