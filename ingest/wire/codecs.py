"""The five codecs of record batches, with a bound on what comes out."""

from __future__ import annotations

import gzip
import io
import zlib
from typing import Any

import cramjam
import lz4.frame
import zstandard

__all__ = ["CODECS", "Decompressor", "UnusableError"]

CODECS = ("none", "gzip", "snappy", "lz4", "zstd")
GZIP_WINDOW = 31
XERIAL = b"\x82SNAPPY\x00"
XERIAL_HEADER_BYTES, XERIAL_LENGTH_BYTES = 16, 4
# One byte of an LZ4 block stands for 255 bytes at most.
LZ4_MOST = 255
GUESSED_RATIO, LEAST_STEP = 8, 1 << 16
BROKEN = (
    *(RuntimeError, ValueError, OSError, EOFError, MemoryError, zlib.error),
    *(zstandard.ZstdError, cramjam.DecompressionError),
)

Bytes = bytes | memoryview


class UnusableError(Exception):
    """Data cannot be decompressed; `expected` and `got` say why."""

    def __init__(self, expected: str, got: str) -> None:
        super().__init__(f"expected {expected}, got {got}")
        self.expected, self.got = expected, got


class Decompressor:
    """Decompresses batches with the libraries that kafka-python uses; for one thread at a time.

    Args:
        most: bytes that one batch may have decompressed. No more is ever allocated than that and
            once as much again.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._zstd: Any = None

    def decompress(self, codec: int, data: memoryview) -> Bytes:
        """The bytes of a batch.

        Args:
            codec: number of the codec, as in the attributes of a batch.
            data: as it is in the batch.

        Raises:
            UnusableError: the data are damaged, too large, or of a codec that is not known.
        """
        if codec >= len(CODECS):
            known = ", ".join(f"{number} {name}" for number, name in enumerate(CODECS))
            raise UnusableError(f"a codec that is known ({known})", f"codec {codec}")
        name = CODECS[codec]
        try:
            found = (_none, self._gzip, self._snappy, self._lz4, self._zstandard)[codec](data)
        except BROKEN as error:
            raise UnusableError(f"{name} data", f"{type(error).__name__}: {error}") from error
        self._check(len(found))
        return found

    def _step(self, data: memoryview) -> int:
        """Bytes to have at once, of a batch that does not say how many it has."""
        return min(GUESSED_RATIO * len(data) + LEAST_STEP, self._most + 1)

    def _check(self, size: int) -> None:
        if size > self._most:
            expected = f"at most {self._most} bytes decompressed (kafka.max_batch_bytes)"
            raise UnusableError(expected, f"{size} or more")

    def _gzip(self, data: memoryview) -> Bytes:
        single = zlib.decompressobj(GZIP_WINDOW)
        found = single.decompress(data, self._most + 1)
        if single.eof and not single.unused_data:
            return found
        # Several members in a row, padding, or too large: as the module gzip sees it.
        with gzip.GzipFile(fileobj=io.BytesIO(data)) as members:
            return members.read(self._most + 1)

    def _snappy(self, data: memoryview) -> Bytes:
        if len(data) <= XERIAL_HEADER_BYTES or data[: len(XERIAL)] != XERIAL:
            return self._snappy_block(data)
        blocks, size, at = [], 0, XERIAL_HEADER_BYTES
        while at < len(data):
            start = at + XERIAL_LENGTH_BYTES
            length = int.from_bytes(data[at:start], "big", signed=True)
            if start > len(data) or not 0 <= length <= len(data) - start:
                raise UnusableError("blocks of snappy that fit", f"one of {length} bytes")
            blocks.append(self._snappy_block(data[start : start + length]))
            size += len(blocks[-1])
            self._check(size)
            at = start + length
        return b"".join(blocks)

    def _snappy_block(self, data: memoryview) -> Bytes:
        self._check(cramjam.snappy.decompress_raw_len(data))
        return memoryview(cramjam.snappy.decompress_raw(data))

    def _lz4(self, data: memoryview) -> Bytes:
        claimed = lz4.frame.get_frame_info(data)["content_size"]
        self._check(claimed)
        # A claim that is too small is found out at the end only, when all is decompressed.
        if len(data) * LZ4_MOST <= self._most:
            return lz4.frame.decompress(data)  # type: ignore[no-any-return]
        frame, rest = lz4.frame.LZ4FrameDecompressor(), bytes(data)
        pieces, size, step = [], 0, self._step(data)
        while not frame.eof:
            pieces.append(frame.decompress(rest, max_length=step))
            size, rest = size + len(pieces[-1]), b""
            self._check(size)
            if not pieces[-1] and not frame.eof:
                raise EOFError("the frame is not complete")
        return b"".join(pieces)

    def _zstandard(self, data: memoryview) -> Bytes:
        self._zstd = self._zstd or zstandard.ZstdDecompressor()
        pieces, size, step = [], 0, self._step(data)
        with self._zstd.stream_reader(data, read_across_frames=True) as reader:
            while piece := reader.read(step):
                pieces.append(piece)
                size += len(piece)
                self._check(size)
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)


def _none(data: memoryview) -> Bytes:
    return data
