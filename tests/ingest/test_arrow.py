import threading
import time

import numpy as np
import pyarrow as pa
import pytest
from kafka.admin import NewTopic

import millstream
from ingest import Position, SchemaError, SettingsError
from ingest.arrow_columns import ArrowLayout, RawDecoder
from ingest.ragged import Ragged
from ingest.stream.fields import make_schema
from tests.ingest.broker import admin, produce

FIELDS = {
    "amount": "float32",
    "city": {"type": "category", "vocabulary": ["Oslo", "Bergen"]},
    "user": {"type": "category", "buckets": 16},
    "when": "timestamp",
    "name": "string",
    "pair": {"type": "int32", "length": 2},
    "list": {"type": "float64", "length": "ragged"},
    "late": "bool",
}
VALUE = (
    '{"amount": %d, "city": "%s", "user": "u", "when": "2026-01-02T03:04:05Z", "name": "Ø%d",'
    ' "pair": [%d, 2], "list": [%s], "late": true}'
)


def text(number):
    numbers = ", ".join("1.5" for _ in range(number % 3))
    city = ("Oslo", "Bergen", "Rome")[number % 3]
    return (VALUE % (number, city, number, number, numbers)).encode()


@pytest.fixture
def filled(kafka, topic):
    with admin(kafka.bootstrap_servers) as client:
        client.create_topics([NewTopic(topic, 2, 1)])
    produce(kafka.bootstrap_servers, topic, [text(n) for n in range(10)], 0)
    raw = [None if n == 3 else b"" if n == 4 else b"raw%d\0" % n for n in range(6)]
    produce(kafka.bootstrap_servers, topic, raw, 1, key=lambda n: None if n == 2 else b"k%d" % n)
    return topic


@pytest.fixture
def arrow(kafka, filled):
    def read(**options):
        return millstream.arrow(filled, bootstrap_servers=kafka.bootstrap_servers, **options)

    return read


def test_records_as_they_are(arrow, filled):
    table = arrow(batch_size=7).read_all()
    assert table.schema.names == ["topic", "partition", "offset", "timestamp", "key", "value"]
    assert table.schema.field("timestamp").type == pa.timestamp("ms", tz="UTC")
    table.validate(full=True)
    raw = table.filter(pa.compute.equal(table["partition"], 1)).to_pylist()
    assert [row["value"] for row in raw] == [b"raw0\0", b"raw1\0", b"raw2\0", None, b"", b"raw5\0"]
    assert [row["key"] for row in raw] == [b"k0", b"k1", None, b"k3", b"k4", b"k5"]
    assert [row["offset"] for row in raw] == list(range(6))
    assert {row["topic"] for row in raw} == {filled}
    assert [row["timestamp"].timestamp() for row in raw] == [1 + n / 1000 for n in range(6)]


def test_batches_are_as_large_as_asked(arrow):
    assert [len(batch) for batch in arrow(batch_size=6)] == [6, 6, 4]


def test_columns_of_a_schema(arrow):
    table = arrow(schema=FIELDS, with_offsets=True).read_all()
    table.validate(full=True)
    assert len(table) == 10
    assert table["amount"].to_pylist() == list(range(10))
    assert table["city"].to_pylist() == ["Oslo", "Bergen", None] * 3 + ["Oslo"]
    assert pa.types.is_dictionary(table["city"].type)
    assert table["user"].type == pa.int32()
    assert table["when"].to_pylist()[0].isoformat() == "2026-01-02T03:04:05+00:00"
    assert table["name"].to_pylist() == [f"Ø{n}" for n in range(10)]
    assert table["pair"].to_pylist() == [[n, 2] for n in range(10)]
    assert table["list"].to_pylist() == [[1.5] * (n % 3) for n in range(10)]
    assert table["late"].to_pylist() == [True] * 10
    assert table["kafka_offset"].to_pylist() == list(range(10))
    assert set(table["kafka_partition"].to_pylist()) == {0}


def test_pandas_polars_and_duckdb_read_it(arrow):
    import duckdb
    import polars

    frame = arrow(schema=FIELDS).read_pandas()
    assert frame["city"].cat.categories.tolist() == ["Oslo", "Bergen"]
    assert frame["amount"].sum() == 45
    frame = polars.from_arrow(arrow(schema=FIELDS).read_all())
    assert frame["amount"].sum() == 45
    reader = arrow(schema=FIELDS)
    assert reader.schema.names == list(FIELDS)
    assert duckdb.sql("select sum(amount), count(city) from reader").fetchall() == [(45.0, 7)]
    raw = arrow()
    found = duckdb.sql("select partition, count(*) from raw group by 1 order by 1").fetchall()
    assert found == [(0, 10), (1, 6)]
    assert raw.schema.names[0] == "topic"


def test_a_range_and_a_share(arrow, filled):
    end = Position({filled: {0: 5}})
    assert arrow(end=end).read_all()["offset"].to_pylist() == list(range(5))
    rest = arrow(start=Position({filled: {0: 8, 1: 6}})).read_all()
    assert rest["offset"].to_pylist() == [8, 9]
    assert set(arrow(share=(1, 2)).read_all()["partition"].to_pylist()) == {1}
    assert len(arrow(share=(7, 8)).read_all()) == 0


def test_nothing_runs_on_when_the_reader_is_dropped(arrow):
    before = set(threading.enumerate())
    reader = arrow(end=None, batch_size=2)
    assert len(reader.read_next_batch()) == 2
    del reader
    deadline = time.monotonic() + 10
    while left := [t for t in set(threading.enumerate()) - before if "millstream" in t.name]:
        assert time.monotonic() < deadline, left
        time.sleep(0.02)


def test_what_cannot_be_meant_is_refused(arrow):
    with pytest.raises(SettingsError, match="no such option: shufle"):
        arrow(shufle=3)
    with pytest.raises(SchemaError, match="with_offsets"):
        ArrowLayout(make_schema({"kafka_topic": "string"}), with_offsets=True)
    with pytest.raises(TypeError, match="ragged"):
        ArrowLayout(None, False).record_batch(_raw_rows())


def _raw_rows():
    from ingest import RecordBatch, Rows

    batch = RecordBatch.of("a", 0, [0, 1], [b"x", None])
    decoded = RawDecoder().decode(batch)
    assert isinstance(decoded.columns["value"], Ragged)
    assert decoded.columns["value_valid"].tolist() == [True, False]
    zeros = np.zeros(2, np.int32)
    columns = {**decoded.columns, "key": np.zeros(2)}
    return Rows(("a",), zeros, zeros, batch.offsets, batch.timestamps, columns)
