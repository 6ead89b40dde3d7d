"""PyTorch's datasets over a real broker; `make test-torch` says where PyTorch comes from."""

import json
import pickle
import subprocess
import sys

import pytest

torch = pytest.importorskip("torch", reason="PyTorch is not installed; see make test-torch")

from torch.utils.data import DataLoader  # noqa: E402

from ingest import Position, SettingsError  # noqa: E402
from ingest.torch import KafkaIterableDataset  # noqa: E402
from tests.ingest.broker import produce  # noqa: E402
from tests.ingest.stream_samples import FIELDS, LENGTHS, fill, good_numbers, numbers  # noqa: E402


@pytest.fixture
def filled(kafka, topic):
    fill(kafka.bootstrap_servers, topic)
    return topic


@pytest.fixture
def dataset(kafka, filled):
    def make(**options):
        plain = {"schema": FIELDS, "label": "odd", "end": "now", "batch_size": 16}
        plain |= {"bootstrap_servers": kafka.bootstrap_servers, "block_rows": 64}
        return KafkaIterableDataset(filled, **{**plain, **options})

    return make


def test_batches_of_tensors(dataset):
    batches = list(DataLoader(dataset(), batch_size=None))
    features, label = batches[0]
    assert (features["n"].dtype, features["half"].dtype) == (torch.int64, torch.float32)
    assert label.dtype == torch.bool
    assert torch.equal(features["n"] % 2 == 1, label)
    assert sorted(numbers(batches)) == good_numbers()
    assert {len(label) for _, label in batches[:-1]} == {16}


@pytest.mark.parametrize("way", [{}, {"shuffle": 100}], ids=["in order", "shuffled"])
def test_a_state_after_each_batch_restores_the_rest(dataset, way):
    whole = numbers(dataset(**way))
    stream, count = dataset(**way), 0
    for batch in stream:
        count += len(batch[1])
        restored = dataset(**way)
        restored.load_state_dict(json.loads(json.dumps(stream.state_dict())))
        assert numbers(restored) == whole[count:]
    assert count == len(whole)
    if way:
        assert numbers(stream) != whole, "the next epoch has an order of its own"


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_workers_share_the_partitions(dataset, workers):
    loader = DataLoader(dataset(), batch_size=None, num_workers=workers)
    assert sorted(numbers(loader)) == good_numbers()


def test_states_come_with_the_batches_of_workers(dataset):
    loader = DataLoader(dataset(with_state=True), batch_size=None, num_workers=2)
    states, found = {}, []
    for count, (batch, state) in enumerate(loader, 1):
        found.append(batch)
        states |= state
        if count == 7:
            break
    assert set(states) == {"0", "1"}
    rest = dataset()
    rest.load_state_dict(states)
    found += list(DataLoader(rest, batch_size=None, num_workers=2))
    assert sorted(numbers(found)) == good_numbers()
    with pytest.raises(SettingsError, match=r"share = \[0, 2\], this one has \[0, 1\]"):
        next(iter(rest))


def test_workers_open_what_is_theirs_after_their_parent_has_opened_its_own(dataset, filled):
    stream = dataset(end=Position({filled: LENGTHS}))
    assert sorted(numbers(stream)) == good_numbers()
    fresh = dataset(end=Position({filled: LENGTHS}))
    fresh.state_dict()
    loader = DataLoader(fresh, batch_size=None, num_workers=2)
    assert sorted(numbers(loader)) == good_numbers()


def test_texts_and_lists(kafka, topic):
    texts = [b'{"text": "\xc3\xb8", "list": [1, 2]}', b'{"text": "", "list": []}']
    produce(kafka.bootstrap_servers, topic, texts)
    schema = {"text": "string", "list": {"type": "float32", "length": "ragged"}}
    stream = KafkaIterableDataset(
        topic, bootstrap_servers=kafka.bootstrap_servers, schema=schema, end="now"
    )
    (features,) = list(pickle.loads(pickle.dumps(stream)))
    assert features["text"] == ["ø", ""]
    values, splits = features["list"]
    assert (values.tolist(), splits.tolist()) == ([1.0, 2.0], [0, 2, 2])


def test_importing_ingest_imports_neither_torch_nor_pyarrow():
    code = (
        "import sys, ingest, ingest.stream.dataset; print({'torch', 'pyarrow'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"
