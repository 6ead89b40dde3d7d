"""Conformance checks for those who write their own decoder or source: call one in a test.

Each raises AssertionError with what does not hold.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from ingest.formats.decoder import Decoder
from ingest.position import Position
from ingest.ragged import Column, Ragged
from ingest.records import RecordBatch
from ingest.source import Source

__all__ = ["check_decoder", "check_source"]

LONGEST_REASON = 500


def check_decoder(
    make_decoder: Callable[[], Decoder],
    values: Sequence[bytes | None],
    keys: Sequence[bytes | None] | None = None,
) -> dict[int, str]:
    """Prove what `Decoder` promises: each record good or bad, whatever its neighbours are.

    Args:
        make_decoder: makes a decoder.
        values: of records, good and bad ones.
        keys: of the records, if the decoder reads them too; else all are null.

    Returns:
        The kind of each bad record, by its index in `values`.
    """
    decoder = make_decoder()
    records = list(zip(values, keys or [None] * len(values), strict=True))
    kinds, columns = _decode(decoder, records)
    again, same = _decode(decoder, records)
    _require((again, same) == (kinds, columns), "the same twice")
    for step in (-1, 1):
        places = list(range(len(values)))[::step]
        for cut in (1, 2, 3, len(values)):
            for part in np.array_split(np.array(places), cut):
                chosen = part.tolist()
                found, row = _decode(make_decoder(), [records[place] for place in chosen])
                for at, place in enumerate(chosen):
                    text = repr(values[place])[:80]
                    _require(found.get(at) == kinds.get(place), f"one verdict on {text}")
                    _require(row.get(at) == columns.get(place), f"one outcome of {text}")
    return kinds


def check_source(open_source: Callable[[Position | None], Source], records: int) -> None:
    """Prove what `Source` promises: every record once, in order, and again from any position.

    Args:
        open_source: opens a source of records that stay as they are, at a position or, for None,
            at the beginning.
        records: how many records it has.
    """
    source = open_source(None)
    try:
        beginning, end = source.position(), source.end()
        positions, found = [beginning], _read(source, end)
        positions += [position for position, _ in found]
        names = [name for _, batch in found for name in batch]
        _require(len(names) == records, f"{records} records, got {len(names)}")
        _require(len(set(names)) == records, "no record twice")
        for place in positions[:: max(1, len(positions) // 5)]:
            source.seek(place)
            _require(_rest(_read(source, end)) == _after(names, place), f"the rest from {place}")
    finally:
        source.close()
        source.close()
    resumed = open_source(positions[len(positions) // 2])
    try:
        rest = _rest(_read(resumed, end))
        expected = _after(names, positions[len(positions) // 2])
        _require(rest == expected, "a new source to go on where the first was")
    finally:
        resumed.close()


def _decode(
    decoder: Decoder, records: Sequence[tuple[bytes | None, bytes | None]]
) -> tuple[dict[int, str], dict[int, dict[str, tuple[str, bytes]]]]:
    """Kinds of the bad records, and dtype and bytes of each column of the good ones."""
    if not records:
        return {}, {}
    values = [value for value, _ in records]
    keys = [key for _, key in records]
    batch = RecordBatch.of("checked", 0, range(len(values)), values, keys=keys)
    before = batch.buffer.copy()
    decoded = decoder.decode(batch)
    good, bad = decoded.good.tolist(), [record.index for record in decoded.bad]
    _require(np.array_equal(batch.buffer, before), "a batch to stay as it is")
    _require(sorted(good + bad) == list(range(len(values))), "each record good or bad, not both")
    _require(good == sorted(good) and bad == sorted(bad), "indices that grow")
    for record in decoded.bad:
        _require(bool(record.kind) and bool(record.reason.strip()), "a kind and a reason")
        _require(len(record.reason) <= LONGEST_REASON, "a short reason")
    for name, column in decoded.columns.items():
        _require(len(column) == len(good), f"column {name} with a value per good record")
    rows = {
        place: {n: (str(c.dtype), row_bytes(c, at)) for n, c in decoded.columns.items()}
        for at, place in enumerate(good)
    }
    return {record.index: record.kind for record in decoded.bad}, rows


def row_bytes(column: Column, at: int) -> bytes:
    """The bytes of one row."""
    return (column.row(at) if isinstance(column, Ragged) else column[at]).tobytes()


def _read(source: Source, end: Position) -> list[tuple[Position, list[tuple[Any, ...]]]]:
    found = []
    while any((source.position().get(t, p) or 0) < offset for t, p, offset in end.items()):
        before = source.position()
        batches = source.poll(1.0)
        for batch in batches:
            first = int(batch.offsets[0])
            _require((before.get(batch.topic, batch.partition) or 0) <= first, "no step back")
        names = [
            (b.topic, b.partition, int(b.offsets[i]), b.key(i), b.value(i), int(b.timestamps[i]))
            for b in batches
            for i in range(len(b))
        ]
        found.append((source.position(), names))
    return found


def _rest(found: Sequence[tuple[Position, list[tuple[Any, ...]]]]) -> list[tuple[Any, ...]]:
    return sorted((name for _, names in found for name in names), key=lambda name: name[:3])


def _after(names: Sequence[tuple[Any, ...]], place: Position) -> list[tuple[Any, ...]]:
    left = [name for name in names if name[2] >= (place.get(name[0], name[1]) or 0)]
    return sorted(left, key=lambda name: name[:3])


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(f"expected {what}")
