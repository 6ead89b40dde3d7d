"""Rows of files, as they are sent."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ingest import SourceError
from millstream.errors import UsageError
from millstream.local import ensure_topics
from millstream.publish_file import read_rows, send_rows
from millstream.stack.kafka import EmbeddedKafka

TABLE = pa.table({"a": [1, 2, 3], "b": [0.5, None, 1.5], "c": ["x", "ü", ""]})


def test_csv(tmp_path: Path) -> None:
    path = tmp_path / "rows.csv"
    path.write_text("a,b,late\n1,0.5,true\n2,,false\n")
    assert [json.loads(row) for row in read_rows(path)] == [
        {"a": 1, "b": 0.5, "late": True},
        {"a": 2, "b": None, "late": False},
    ]


def test_parquet_keeps_types_and_order(tmp_path: Path) -> None:
    path = tmp_path / "rows.parquet"
    pq.write_table(TABLE, path)
    assert [json.loads(row) for row in read_rows(path)] == TABLE.to_pylist()


def test_jsonl_is_sent_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "rows.jsonl"
    path.write_bytes(b'{"a":  1}\n\nnot json\n')
    assert list(read_rows(path)) == [b'{"a":  1}', b"not json"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("rows.txt", b"", "expected a file named .csv, .jsonl or .parquet"),
        ("gone.csv", None, "no such file"),
        ("rows.parquet", b"nonsense", "cannot be read"),
    ],
)
def test_a_file_that_cannot_be_sent(
    tmp_path: Path, name: str, content: bytes | None, message: str
) -> None:
    path = tmp_path / name
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(UsageError, match=message):
        list(read_rows(path))


def test_a_row_that_is_too_large_is_named(kafka: EmbeddedKafka, topic: str) -> None:
    options = {"bootstrap_servers": kafka.bootstrap_servers}
    ensure_topics(options, [topic], partitions=2)
    rows = [b"{}", b'{"a": "' + b"x" * 2_000_000 + b'"}', b"{}"]
    with pytest.raises(UsageError, match=r"^row 2 has 2,000,009 bytes") as caught:
        send_rows(iter(rows), topic, options)
    assert len(str(caught.value).splitlines()) == 1


def test_a_row_that_only_the_broker_finds_too_large(kafka: EmbeddedKafka, topic: str) -> None:
    kafka.create_topic(topic, max_message_bytes=1000)
    rows = [b"{}", b'"' + b"x" * 5000 + b'"']
    with pytest.raises(UsageError, match="has 5,002 bytes"):
        send_rows(
            iter(rows), topic, {"bootstrap_servers": kafka.bootstrap_servers, "batch_size": 0}
        )


def test_a_slow_rate_does_not_send_in_lumps(
    kafka: EmbeddedKafka, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []
    options = {"bootstrap_servers": kafka.bootstrap_servers}
    ensure_topics(options, [topic], partitions=1)
    monkeypatch.setattr("millstream.publish_file._pace", lambda begun, sent, rate: None)
    assert send_rows(iter([b"{}"] * 20), topic, options, rate=50.0, on_progress=told.append) == 20
    assert told == [5, 10, 15, 20, 20]


@pytest.mark.parametrize(
    "options",
    [
        {"bootstrap_servers": "127.0.0.1:1", "bootstrap_timeout_ms": 300},
        {"compression_type": "zip"},
    ],
    ids=["no broker", "a bad option"],
)
def test_what_kafka_refuses_is_one_line(
    kafka: EmbeddedKafka, topic: str, options: dict[str, object]
) -> None:
    given = {"bootstrap_servers": kafka.bootstrap_servers, **options}
    with pytest.raises(SourceError, match=f"^publish to topic {topic}: ") as caught:
        send_rows(iter([b"{}"]), topic, given)
    assert len(str(caught.value).splitlines()) == 1
