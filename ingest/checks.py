"""Conformance checks for those who write their own sampler, decoder or source: call one in a test.

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
from ingest.rows import Rows
from ingest.sampling.sampler import Sampler
from ingest.source import Source

__all__ = ["check_decoder", "check_sampler", "check_source"]

LONGEST_REASON = 500


def check_sampler(make_sampler: Callable[[], Sampler], rows: Rows, capacity: int) -> None:
    """Prove what `Sampler` promises: order, cuts, repeats, merges and restores change nothing.

    Args:
        make_sampler: makes an empty sampler, always with the same settings.
        rows: what is offered; at least two, no identity twice.
        capacity: most rows that a sample may have.
    """
    whole = _sampled(make_sampler, [rows])
    _require(whole == whole.sorted_by_identity(), "a sample sorted by identity")
    _require(len(whole) <= capacity, "no more rows than the capacity")
    _require(set(_names(whole)) <= set(_names(rows)), "only rows that were offered")
    order = np.random.default_rng(0).permutation(len(rows))
    cuts = [np.array_split(order, pieces) for pieces in (1, 2, 7, len(rows))]
    for cut in cuts:
        parts = [rows.take(part) for part in cut]
        _require(_sampled(make_sampler, parts) == whole, f"the same sample from {len(cut)} offers")
    twice = [rows, rows.take(order)]
    _require(_sampled(make_sampler, twice) == whole, "a repeated row to count once")
    _check_candidates(make_sampler, cuts[2], rows, whole)
    _check_merge(make_sampler, rows, whole)
    _check_state(make_sampler, [rows.take(part) for part in np.array_split(order, 9)], whole)


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


def _sampled(make_sampler: Callable[[], Sampler], parts: Sequence[Rows]) -> Rows:
    sampler = make_sampler()
    for part in parts:
        before = part.take(np.arange(len(part)))
        sampler.offer(part)
        _require(part == before, "rows that are offered to stay as they are")
    return sampler.sample()


def _check_candidates(
    make_sampler: Callable[[], Sampler], cut: Sequence[Any], rows: Rows, whole: Rows
) -> None:
    """Who is no candidate is never in the sample, and need not be offered."""
    sampler = make_sampler()
    for part in cut:
        offered = rows.take(part)
        could = _candidates(sampler, offered)
        sampler.offer(offered.take(np.flatnonzero(could)))
    _require(sampler.sample() == whole, "the same sample when only candidates are offered")
    left = rows.take(np.flatnonzero(~_candidates(sampler, rows)))
    _require(not set(_names(left)) & set(_names(whole)), "who is in the sample to be a candidate")


def _candidates(sampler: Sampler, rows: Rows) -> Any:
    could = np.zeros(len(rows), np.bool_)
    for topic, partition in {(int(t), int(p)) for t, p, _ in _names(rows)}:
        there = np.flatnonzero((rows.topic == topic) & (rows.partition == partition))
        could[there] = sampler.candidates(rows.topics[topic], partition, rows.offset[there])
    return could


def _check_merge(make_sampler: Callable[[], Sampler], rows: Rows, whole: Rows) -> None:
    for place in (0, 1, len(rows) // 2, len(rows)):
        left, right = make_sampler(), make_sampler()
        left.offer(rows.take(np.arange(place)))
        right.offer(rows.take(np.arange(place, len(rows))))
        alone = right.sample()
        left.merge(right)
        _require(left.sample() == whole, "merge of the samples of A and B == sample of both")
        _require(left.get_state().seen == len(rows), "merge to add up the rows seen")
        _require(right.sample() == alone, "the merged sampler to stay as it is")


def _check_state(make_sampler: Callable[[], Sampler], parts: Sequence[Rows], whole: Rows) -> None:
    states = [make_sampler().get_state()]
    sampler = make_sampler()
    for part in parts:
        sampler.offer(part)
        states.append(sampler.get_state())
    for place, state in enumerate(states):
        restored = make_sampler()
        restored.offer(parts[0])
        restored.set_state(state)
        _require(restored.get_state().rows == state.rows, "a state to come back as it was")
        for part in parts[place:]:
            restored.offer(part)
        _require(restored.sample() == whole, f"the same sample from the state after {place} offers")
        _require(restored.get_state().seen == states[-1].seen, "the count of rows seen restored")


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


def _names(rows: Rows) -> list[tuple[Any, ...]]:
    return [tuple(identity.tolist()) for identity in rows.identities()]


def _require(holds: bool, what: str) -> None:
    if not holds:
        raise AssertionError(f"expected {what}")
