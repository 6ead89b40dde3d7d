"""Rows of blocks as whole batches."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

from ingest.errors import SettingsError
from ingest.ragged import Column, Ragged
from ingest.rows import Rows

__all__ = ["BatchSettings", "Chunk", "chunks", "cut_rows", "single_batches"]


@dataclass(frozen=True)
class BatchSettings:
    """How rows become batches.

    Attributes:
        size: rows of a batch.
        drop_remainder: whether the last rows, when they are no whole batch, are not given.
        linger_s: a batch that has waited for so long since its first row is given as it is; None
            to wait until it is full.

    Raises:
        SettingsError: the size is not a count, or batches cannot be both whole and in time.
    """

    size: int
    drop_remainder: bool = False
    linger_s: float | None = None

    def __post_init__(self) -> None:
        whole = isinstance(self.size, int) and not isinstance(self.size, bool)
        if not whole or self.size < 1:
            raise SettingsError(f"batch_size: expected a number from 1, got {self.size!r}")
        if self.drop_remainder and self.linger_s is not None:
            raise SettingsError(
                "drop_remainder and linger_s: expected one of them, got both; a batch that has"
                " waited long is given short"
            )


@dataclass(frozen=True, eq=False)
class Chunk:
    """Whole batches, one behind another.

    Attributes:
        rows: of all of them.
        size: rows of each.
        first: rows of the run before them.
    """

    rows: Rows
    size: int
    first: int


def chunks(parts: Iterable[Rows | None], batches: BatchSettings) -> Iterator[Chunk | None]:
    """All rows of some parts, in their order, as few chunks.

    Args:
        parts: None means that some time has passed without rows.
        batches: how to cut.

    Yields:
        Chunks; None in answer to a None.
    """
    left: list[Rows] = []
    count, given, since = 0, 0, 0.0
    for rows in parts:
        if rows is None:
            late = batches.linger_s is not None and time.monotonic() - since > batches.linger_s
            if not (count and late):
                yield None
                continue
            yield Chunk(Rows.concat(left), count, given)
            given, count, left = given + count, 0, []
        elif len(rows):
            if not count or count + len(rows) >= batches.size:
                since = time.monotonic()
            for chunk in _whole([*left, rows], count, batches.size):
                yield replace(chunk, first=given)
                given += len(chunk.rows)
            left, count = _remainder([*left, rows], count + len(rows), batches.size)
    if count and not batches.drop_remainder:
        yield Chunk(Rows.concat(left), count, given)


def single_batches(
    parts: Iterable[Rows | None], batches: BatchSettings
) -> Iterator[tuple[Rows, int]]:
    """The batches of `chunks` one by one, and the rows of the run up to the end of each."""
    for chunk in chunks(parts, batches):
        if chunk is not None:
            for start in range(0, len(chunk.rows), chunk.size):
                end = start + chunk.size
                yield cut_rows(chunk.rows, start, end), chunk.first + end


def _whole(parts: list[Rows], before: int, size: int) -> Iterator[Chunk]:
    """The batches that the last part completes: one that begins before it, and all within it."""
    rows = parts[-1]
    start = size - before if before else 0
    if len(rows) < start:
        return
    if before:
        yield Chunk(Rows.concat([*parts[:-1], cut_rows(rows, 0, start)]), size, 0)
    end = start + (len(rows) - start) // size * size
    if end > start:
        yield Chunk(cut_rows(rows, start, end), size, 0)


def _remainder(parts: list[Rows], total: int, size: int) -> tuple[list[Rows], int]:
    """The rows that are in no batch yet."""
    if total < size:
        return parts, total
    count, rows = total % size, parts[-1]
    return ([cut_rows(rows, len(rows) - count, len(rows))] if count else []), count


def cut_rows(rows: Rows, start: int, end: int) -> Rows:
    """The rows from one place to another, over the same memory."""
    if start == 0 and end == len(rows):
        return rows
    return Rows(
        rows.topics,
        rows.topic[start:end],
        rows.partition[start:end],
        rows.offset[start:end],
        rows.timestamp[start:end],
        {name: _cut(column, start, end) for name, column in rows.columns.items()},
    )


def _cut(column: Column, start: int, end: int) -> Column:
    if not isinstance(column, Ragged):
        return column[start:end]
    splits = column.splits[start : end + 1]
    return Ragged(column.values[splits[0] : splits[-1]], splits - splits[0])
