"""Which engine parses JSON fastest: the decoder here beside pyarrow, msgspec, orjson and json.

Run `make bench-json`. One thread, one run, the median of five laps after one to warm up. Two kinds
of records: the plain one of 14 fields and about 208 bytes, of which 13 are read; and one with
strings, escapes, nulls and nested values that are ignored. Each engine ends with columns.
"""

from __future__ import annotations

import json
import random
import statistics
import time
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
import numpy as np
import orjson
import pyarrow as pa
import pyarrow.json as pa_json

from ingest import Field, JsonDecoder, RecordBatch, Schema

ROWS, LAPS = 50_000, 5
PLAIN = Schema(
    (
        *(Field(f"x{number}", "float32") for number in range(12)),
        Field("cat", "category", vocabulary=tuple(f"c{number}" for number in range(37))),
    )
)
RICH = Schema(
    (
        Field("id", "int64"),
        Field("amount", "float64"),
        Field("name", "string"),
        Field("city", "category", vocabulary=("Oslo", "Bergen", "Tromsø")),
        Field("score", "float32", default=0),
        Field("member", "bool"),
    )
)
ARROW = {"float32": pa.float32(), "float64": pa.float64(), "int64": pa.int64(), "bool": pa.bool_()}
PYTHON: dict[str, type] = {"float32": float, "float64": float, "int64": int, "bool": bool}
Engine = Callable[[], int]


def plain_record(rng: random.Random, number: int) -> bytes:
    """12 numbers, a category and a label."""
    numbers = {f"x{place}": round(rng.gauss(0, 1), 5) for place in range(12)}
    return json.dumps({**numbers, "cat": f"c{number % 37}", "y": number & 1}).encode()


def rich_record(rng: random.Random, number: int) -> bytes:
    """Strings with escapes, nulls, and nested values that are ignored."""
    record = {
        "id": number,
        "amount": rng.gauss(0, 1000),
        "name": rng.choice(["Ada", "Zoë", 'the "great"', "東京"]) + str(number),
        "address": {"street": "Main\nStreet", "geo": [rng.random(), rng.random()], "tags": []},
        "city": rng.choice(["Oslo", "Bergen", "Tromsø", "Atlantis"]),
        "score": rng.choice([None, 0.5, 3]),
        "member": number % 3 == 0,
        "other": None,
    }
    return json.dumps(record).encode()


def with_decoder(schema: Schema, values: Sequence[bytes]) -> Engine:
    """The decoder of this project."""
    decoder = JsonDecoder(schema)
    batch = RecordBatch.of("bench", 0, range(len(values)), values)
    return lambda: len(decoder.decode(batch).good)


def with_pyarrow(schema: Schema, values: Sequence[bytes]) -> Engine:
    """pyarrow's reader of lines, on one thread."""
    text = b"\n".join(values)
    types = [(field.name, ARROW.get(field.dtype, pa.string())) for field in schema.fields]
    parse = pa_json.ParseOptions(
        explicit_schema=pa.schema(types), unexpected_field_behavior="ignore"
    )
    read = pa_json.ReadOptions(use_threads=False, block_size=len(text) + 1)

    def run() -> int:
        table = pa_json.read_json(pa.BufferReader(text), read_options=read, parse_options=parse)
        for field in schema.fields:
            column = table[field.name].combine_chunks()
            if field.dtype == "category":
                field.codes(column.dictionary_encode().dictionary.to_pylist())
        return int(table.num_rows)

    return run


def with_msgspec(schema: Schema, values: Sequence[bytes]) -> Engine:
    """A msgspec structure a record."""
    members: Any = [(f.name, PYTHON.get(f.dtype, str) | None, None) for f in schema.fields]
    parse = msgspec.json.Decoder(msgspec.defstruct("Record", members)).decode

    def run() -> int:
        records = [parse(value) for value in values]
        return to_columns(schema, [[getattr(r, f.name) for r in records] for f in schema.fields])

    return run


def with_dictionaries(parse: Callable[[bytes], Any]) -> Callable[..., Engine]:
    """A dictionary a record."""

    def make(schema: Schema, values: Sequence[bytes]) -> Engine:
        def run() -> int:
            records = [parse(value) for value in values]
            return to_columns(schema, [[r.get(f.name) for r in records] for f in schema.fields])

        return run

    return make


def to_columns(schema: Schema, values: list[list[Any]]) -> int:
    """Python's values as arrays; unchecked."""
    for field, column in zip(schema.fields, values, strict=True):
        if field.dtype == "category":
            field.codes(column)
        elif field.dtype != "string":
            np.array([0 if v is None else v for v in column]).astype(field.numpy_dtype)
    return len(values[0])


ENGINES: dict[str, Callable[..., Engine]] = {
    "millstream": with_decoder,
    "pyarrow": with_pyarrow,
    "msgspec": with_msgspec,
    "orjson": with_dictionaries(orjson.loads),
    "json": with_dictionaries(json.loads),
}


def rate(engine: Engine) -> float:
    """Rows a second, by the processor's clock."""
    laps = []
    for _ in range(LAPS + 1):
        begin = time.process_time()
        rows = engine()
        laps.append((time.process_time() - begin) / rows)
    return 1 / statistics.median(laps[1:])


def main() -> None:
    """Measure, and print a table and a line of JSON."""
    rng = random.Random(0)
    kinds = {"plain": (PLAIN, plain_record), "rich": (RICH, rich_record)}
    results: dict[str, float] = {}
    for kind, (schema, make) in kinds.items():
        values = [make(rng, number) for number in range(ROWS)]
        begin = time.process_time()
        with_decoder(schema, values[:1])()
        print(f"{kind}: {sum(map(len, values)) / ROWS:.0f} bytes a record")
        print(f"  first call of the decoder {time.process_time() - begin:8.2f} s")
        for name, engine in ENGINES.items():
            results[f"{kind}_{name}"] = round(rate(engine(schema, values)))
            print(f"  {name:12} {results[f'{kind}_{name}'] / 1e6:8.2f} M rows/s of one core")
    print(json.dumps({"bench": "json", "results": results}))


if __name__ == "__main__":
    main()
