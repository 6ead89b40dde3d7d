"""What a training dataset holds, and for how long."""

import gc
import weakref

import numpy as np
import pytest
import tensorflow as tf

from ingest import Augmentations, Roster, Statistics, Step, shared_dataset, training_dataset
from ingest.augment import random
from ingest.augment.mixup import MixUp
from ingest.augment.own import Own
from ingest.from_function import KEEPER, RECENT
from tests.ingest.samples import SCHEMA, make_rows
from trainer import Alone


def noise(features, seed):
    return {**features, "amount": features["amount"] + random.uniform(seed, 0)}


AUGMENT = Augmentations((Step(MixUp(("amount",))), Step(Own(noise), 0.5)))


def dataset_of(rows, augment):
    return training_dataset(rows, SCHEMA, batch_size=16, epochs=2, seed=1, augment=augment)


def held():
    """Tensors and graphs that are alive."""
    gc.collect()
    kinds = [type(thing).__name__ for thing in gc.get_objects()]
    return kinds.count("EagerTensor"), kinds.count("FuncGraph")


@pytest.mark.parametrize("augment", [None, AUGMENT])
def test_a_round_that_is_over_holds_nothing(augment):
    columns, counts = [], []
    for _ in range(3):
        rows = make_rows(40)
        columns.append(weakref.ref(rows.columns["amount"]))
        assert len(list(dataset_of(rows, augment).as_numpy_iterator())) == 6
        del rows
        counts.append(held())
    assert [column() for column in columns] == [None] * 3
    assert counts[1] == counts[2]


@pytest.mark.parametrize("augment", [None, AUGMENT])
def test_an_iterator_alone_is_enough_to_read_on(augment):
    batches = iter(dataset_of(make_rows(40), augment).map(lambda *parts: parts).prefetch(1))
    gc.collect()
    assert len(list(batches)) == 6


def test_a_round_of_several_workers_that_is_over_holds_nothing():
    known = Statistics.empty(SCHEMA).updated(make_rows(40))
    for augment in (None, Augmentations((Step(Own(noise), 0.5),), known)):
        rows = make_rows(40)
        roster = Roster.of(rows, np.ones(40), Alone())
        kept = [weakref.ref(roster), weakref.ref(rows.columns["amount"])]
        options = {"batch_size": 16, "epochs": 2, "seed": 1, "augment": augment}
        batches = iter(shared_dataset(rows, roster, SCHEMA, **options))
        del rows, roster
        gc.collect()
        assert len(list(batches)) == 6
        del batches
        gc.collect()
        assert [each() for each in kept] == [None, None]


def test_the_process_keeps_no_functions():
    kept = getattr(tf.compat.v1.get_default_graph(), KEEPER, [])
    before, functions = len(kept), []
    for _ in range(RECENT.maxlen + 2):
        dataset = dataset_of(make_rows(8), None)
        functions.append([weakref.ref(function) for function in RECENT[-1]])
        assert len(list(dataset.as_numpy_iterator())) == 2
    del dataset
    gc.collect()
    assert len(kept) == before
    assert [len(each) for each in functions] == [1] * len(functions)
    assert [each() for each in functions[0]] == [None]
