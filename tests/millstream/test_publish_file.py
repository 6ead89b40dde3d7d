"""Rows of files, as they are sent."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from millstream.errors import UsageError
from millstream.publish_file import read_rows

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
