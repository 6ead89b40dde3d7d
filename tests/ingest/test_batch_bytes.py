"""A batch that is too large when it is unpacked is refused, and the option that allows it named."""

import pytest

from ingest import CorruptBatchError, SourceError
from millstream.config.config import load_config
from millstream.pipeline import source_options
from tests.ingest.broker import opened, produce, read_all
from tests.millstream.test_config import GOOD


def test_a_large_batch_is_read_where_it_is_allowed(kafka, servers, topic):
    kafka.create_topic(topic)
    produce(servers, topic, [b"x" * 300_000], compression_type="gzip")
    told = r"at most 200000 bytes decompressed \(kafka.max_batch_bytes\)"
    with (
        opened(topic, servers, max_batch_bytes=200_000) as source,
        pytest.raises(CorruptBatchError, match=told),
    ):
        read_all(source)
    with opened(topic, servers, max_batch_bytes=400_000) as source:
        assert [len(value) for _, _, value in read_all(source)] == [300_000]


@pytest.mark.parametrize("most", [0, -1, True, "5", 1.5])
def test_the_option_is_a_count(servers, topic, most):
    told = r"kafka.max_batch_bytes: expected a whole number from 1"
    with pytest.raises(SourceError, match=told), opened(topic, servers, max_batch_bytes=most):
        pass


def test_the_configuration_has_it(tmp_path):
    path = tmp_path / "millstream.toml"
    for key, expected in (("", 128 << 20), ("max_batch_bytes = 5000", 5000)):
        path.write_text(GOOD.replace('["events"]', f'["events"]\n{key}'))
        assert source_options(load_config(path), "broker:1")["max_batch_bytes"] == expected
