"""All kinds one after the other: the same bits in other batches, orders and numbers of threads."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from ingest import Augmentations, Field, Rows, Schema, Step, make_augmentation, training_dataset
from ingest.augment.catalogue import KINDS, MODALITIES

COUNT = 60
SHAPES = {"images": [6, 5, 3], "spectrograms": [12, 10], "series": [15, 2]}
FEATURES = {"images": "image", "waves": "wave", "spectrograms": "bands", "series": "series"}
FEATURES["texts"] = "tokens"
SCHEMA = Schema(
    (
        Field("image", "float32", length=90),
        Field("wave", "float32", length=64),
        Field("bands", "float32", length=120),
        Field("series", "float32", length=30),
        Field("tokens", "category", buckets=9, length=7),
        Field("amount", "float64"),
        Field("count", "int64"),
        Field("member", "bool"),
        Field("city", "category", vocabulary=("Oslo", "Bergen")),
        Field("when", "timestamp"),
        Field("late", "category", "label", vocabulary=("no", "yes")),
        Field("number", "float32", "weight"),
    )
)


def make_rows() -> Rows:
    random = np.random.default_rng(2)
    columns = {
        f.name: random.random((COUNT, *f.shape)).astype(f.numpy_dtype) for f in SCHEMA.fields
    }
    for name, most in (("tokens", 10), ("count", 50), ("city", 3), ("when", 10**12), ("late", 2)):
        dtype, shape = columns[name].dtype, columns[name].shape
        columns[name] = random.integers(0, most, shape).astype(dtype)
    columns["member"] = random.random(COUNT) < 0.5
    number = np.arange(COUNT)
    columns["number"] = number.astype(np.float32)
    return Rows(
        ("a", "b"),
        (number % 2).astype(np.int32),
        (number // 2 % 3).astype(np.int32),
        number // 6,
        number,
        columns,
    )


def all_steps() -> tuple[Step, ...]:
    found = []
    for modality, kinds in MODALITIES.items():
        for kind in kinds:
            known = {f.name for f in fields(KINDS[kind])}
            parameters = {"feature": FEATURES.get(modality), "shape": SHAPES.get(modality)}
            parameters = {n: v for n, v in parameters.items() if n in known}
            parameters |= {"share": 1} if modality == "spectrograms" else {}
            found.append(Step(make_augmentation(kind, parameters), 0.6))
    return tuple(found)


def outcomes(rows: Rows, batch_size: int, threads: int) -> dict[float, bytes]:
    """What becomes of each row, by its number."""
    import tensorflow as tf

    augment = Augmentations(all_steps())
    dataset = training_dataset(
        rows, SCHEMA, batch_size=batch_size, epochs=1, seed=5, augment=augment
    )
    options = tf.data.Options()
    options.threading.private_threadpool_size = threads
    found = {}
    for features, label, number in dataset.with_options(options).as_numpy_iterator():
        for at, name in enumerate(number):
            columns = [features[f.name][at].tobytes() for f in SCHEMA.features]
            found[float(name)] = b"".join([*columns, label[at].tobytes()])
    assert len(found) == COUNT
    return found


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_all_kinds_together_leave_a_row_its_own():
    rows = make_rows()
    whole = outcomes(rows, 32, 2)
    shuffled = rows.take(np.random.default_rng(0).permutation(COUNT))
    assert outcomes(shuffled, 7, 8) == whole
    assert outcomes(rows, 1, 1) == whole
    plain = [
        b"".join(rows.columns[f.name][n].tobytes() for f in (*SCHEMA.features, SCHEMA.label))
        for n in range(COUNT)
    ]
    assert sum(whole[n] != plain[n] for n in range(COUNT)) == COUNT
