"""The records of batches, decompressed one behind the other."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from ingest.compiled import Bytes, Longs, compiled, entry, fingerprint, signed
from ingest.wire.codecs import Decompressor, UnusableError
from ingest.wire.decode import PLAN
from ingest.wire.layout import CODEC_BITS, HEADER_BYTES, LOG_APPEND_BIT, SMALLEST_RECORD
from ingest.wire.native import BROKEN, FULL, NativeCodecs, decompress_lz4, decompress_zstd

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["PIECE_BYTES", "Unpacked", "Unpacker"]

# Larger pieces cost more: their memory comes fresh from the system, page by page.
PIECE_BYTES = 4 << 20
# Room for the first batch of a piece, and for all of a small fetch; what is not used costs nothing.
GUESSED_RATIO, LEAST_ROOM = 16, 1 << 16
START, END, BASE, LAST, ATTRIBUTES, FIRST_TIME, MAX_TIME, RECORDS = 0, 1, 2, 3, 6, 7, 8, 10
NEXT, USED, KNOWN, CONSUMED, MOST = range(5)
FINE, BAD_COUNT = 0, -3


@dataclass(frozen=True, eq=False)
class Unpacked:
    """Batches that can be decoded.

    Attributes:
        buffer: uint8[m], which their records lie in.
        plan: int64[7, k] for the first k batches, see `ingest.wire.decode`.
        error: what is wrong with the batch behind them, if something is.
    """

    buffer: NDArray[np.uint8]
    plan: NDArray[np.int64]
    error: UnusableError | None = None


class Unpacker:
    """Unpacks the batches of one fetch.

    Args:
        fetch: uint8[m], read-only.
        table: int64[b, 11], see `BatchHeaders`.
        most: bytes that one batch may have decompressed.
    """

    def __init__(self, fetch: NDArray[np.uint8], table: NDArray[np.int64], most: int) -> None:
        self._fetch = fetch
        self._table = table
        self._most = most
        self._decompressor = Decompressor(most)
        self._natives: NativeCodecs | None = None

    def unpack(self, batches: NDArray[np.int64]) -> Unpacked:
        """As many of some batches as fit into a piece, but one at least; or as come before damage.

        Where none is compressed, they are all left where they are.

        Args:
            batches: int64[b], growing numbers.
        """
        plan = np.empty((len(PLAN), len(batches)), np.int64)
        state = np.array([0, 0, -1, 0, self._most], np.int64)
        if not (self._table[batches, ATTRIBUTES] & CODEC_BITS).any():
            wrong = self._run(batches, None, plan, state)
            error = self._bad_count(batches, state) if wrong else None
            return Unpacked(self._fetch, plan[:, : state[NEXT]], error)
        self._natives = self._natives or NativeCodecs()
        target, error = np.empty(self._room(batches), np.uint8), None
        while wrong := self._run(batches, target, plan, state):
            if wrong == BAD_COUNT:
                error = self._bad_count(batches, state)
                break
            self._natives.reset()
            if wrong == FULL and state[USED]:
                break
            try:
                data = self._decompress(int(batches[state[NEXT]]))
            except UnusableError as failure:
                error = failure
                break
            if len(data) > len(target) - state[USED]:
                if state[USED]:
                    break
                target = np.empty(len(data), np.uint8)
            target[state[USED] : state[USED] + len(data)] = data
            state[KNOWN] = len(data)
        return Unpacked(target[: state[USED]], plan[:, : state[NEXT]], error)

    def _run(
        self,
        batches: NDArray[np.int64],
        target: NDArray[np.uint8] | None,
        plan: NDArray[np.int64],
        state: NDArray[np.int64],
    ) -> int:
        room = np.empty(0, np.uint8) if target is None else target
        natives = np.zeros(5, np.int64) if self._natives is None else self._natives.table
        arrays = (self._fetch, self._table, batches, room, plan, state, natives)
        return int(unpack_batches(*arrays))

    def _room(self, batches: NDArray[np.int64]) -> int:
        sizes = self._table[batches, END] - self._table[batches, START]
        guess = min(int(sizes.sum()) * GUESSED_RATIO + LEAST_ROOM, PIECE_BYTES)
        return max(guess, min(int(sizes[0]) * GUESSED_RATIO, self._most))

    def _decompress(self, batch: int) -> NDArray[np.uint8]:
        start, end = self._table[batch, START] + HEADER_BYTES, self._table[batch, END]
        codec = int(self._table[batch, ATTRIBUTES]) & CODEC_BITS
        data = memoryview(self._fetch[start:end])  # type: ignore[arg-type]
        return np.frombuffer(self._decompressor.decompress(codec, data), np.uint8)

    def _bad_count(self, batches: NDArray[np.int64], state: NDArray[np.int64]) -> UnusableError:
        expected = (
            f"as many records as {state[KNOWN]} bytes may hold, {SMALLEST_RECORD} each at least"
        )
        return UnusableError(expected, str(self._table[batches[state[NEXT]], RECORDS]))


@entry(fingerprint(__file__, "layout.py", "native.py"))
def unpack_batches(
    fetch: Bytes,
    table: Longs,
    batches: Longs,
    target: Bytes,
    plan: Longs,
    state: Longs,
    natives: Longs,
) -> int:
    """Unpack batches until something is to be done or said about one.

    Args:
        fetch: uint8[m].
        table: int64[b, 11], of batches that lie in the fetch.
        batches: int64[k], rows of the table.
        target: uint8[n], for the data; of no room where batches are left in the fetch.
        plan: int64[7, k], to be filled.
        state: int64[5]: the next of the batches, the bytes used of the target, the size of that
            batch where it is in the target already, else -1, the bytes that were compressed, and
            the most bytes of a batch.
        natives: see `NativeCodecs`.

    Returns:
        0 at the end; else why the next batch is not unpacked: `FULL`, `BROKEN` or `BAD_COUNT`, with
        its size in the state.
    """
    in_place = len(target) == 0
    while state[NEXT] < len(batches):
        batch = batches[state[NEXT]]
        start, end = table[batch, START] + HEADER_BYTES, table[batch, END]
        begin, size = state[USED], state[KNOWN]
        if in_place:
            begin, size = start, end - start
        elif size < 0:
            codec = table[batch, ATTRIBUTES] & CODEC_BITS
            size = _unpack(fetch, (start, end, codec), target, state, natives)
            if size < 0:
                return size
        state[KNOWN] = size
        if not 0 <= table[batch, RECORDS] * SMALLEST_RECORD <= size:
            return BAD_COUNT
        _note(table, batch, begin, begin + size, plan[:, state[NEXT]])
        state[KNOWN] = -1
        state[NEXT] += 1
        state[CONSUMED] += end - start
        if not in_place:
            state[USED] += size
    return FINE


@compiled
def _unpack(
    fetch: Bytes,
    batch: tuple[int, int, int],
    target: Bytes,
    state: Longs,
    natives: Longs,
) -> int:
    start, end, codec = batch
    used, room, size = state[USED], len(target) - state[USED], end - start
    # To find out that a large batch does not fit would cost as much as to unpack it.
    if used > 0 and size * used > room * state[CONSUMED]:
        return FULL
    if codec == 0:
        if size > room:
            return FULL
        target[used : used + size] = fetch[start:end]
        return size
    place = np.empty(2, np.int64)
    place[0], place[1] = signed(target.ctypes.data) + used, min(room, state[MOST])
    if codec == 4:
        return decompress_zstd(natives, fetch, start, size, place)
    if codec == 3:
        return decompress_lz4(natives, fetch, start, size, place)
    return BROKEN


@compiled
def _note(table: Longs, batch: int, begin: int, end: int, plan: Longs) -> None:
    appended = table[batch, ATTRIBUTES] & LOG_APPEND_BIT
    plan[0], plan[1], plan[2] = begin, end, table[batch, RECORDS]
    plan[3], plan[4] = table[batch, BASE], table[batch, LAST]
    plan[5] = table[batch, MAX_TIME] if appended else table[batch, FIRST_TIME]
    plan[6] = 1 if appended else 0
