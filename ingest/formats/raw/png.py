"""Whether bytes are a PNG image that every decoder reads to its end (W3C PNG, third edition)."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ingest.formats.values import BadValueError

__all__ = ["PNG_SIGNATURE", "check_png"]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
PALETTE_COLOR = 3
LAST_FILTER = 4
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2))
INTERLACED = (*ADAM7, (0, 1, 1, 2))
LARGEST = 2**31
LONGEST_SIDE = 1_000_000  # of libpng, unless it is told otherwise
PIECE = 2**16


@dataclass(frozen=True)
class _Header:
    """The IHDR chunk."""

    width: int
    height: int
    depth: int
    color: int
    interlaced: bool

    def rows(self) -> list[tuple[int, int]]:
        """(rows, bytes of a row with its filter) of the image, or of each of its passes."""
        bits = self.depth * CHANNELS[self.color]
        passes = INTERLACED if self.interlaced else ((0, 0, 1, 1),)
        found = []
        for left, top, across, down in passes:
            width = -(-(self.width - left) // across)
            height = -(-(self.height - top) // down)
            if width > 0 and height > 0:
                found.append((height, 1 + -(-width * bits // 8)))
        return found


def check_png(raw: bytes, max_pixels: int) -> None:
    """Refuse a PNG that is damaged or too large; its pixels are unpacked, but not made.

    Args:
        raw: the file, with its signature.
        max_pixels: most that width times height may be.

    Raises:
        BadValueError: a chunk is damaged, missing or out of order, the pixels are too many, too
            few or not as the header says.
    """
    header: _Header | None = None
    packed: list[bytes] = []
    seen: list[bytes] = []
    for kind, body in _chunks(raw):
        if (header is None) != (kind == b"IHDR"):
            raise _malformed("the header (IHDR) is not its first chunk, or there twice")
        if header is None:
            header = _header(body, max_pixels)
        elif kind == b"PLTE":
            _check_palette(body, seen, header)
        elif kind == b"IDAT":
            if seen[-1] != b"IDAT" and packed:
                raise _malformed("another chunk lies among its pixels (IDAT)")
            packed.append(body)
        elif kind[0] & 0x20 == 0 and kind != b"IEND":
            raise _malformed(f"its chunk {kind!r} is unknown")
        seen.append(kind)
    if header is None or not packed:
        raise _malformed("it has no pixels (IDAT)")
    if header.color == PALETTE_COLOR and b"PLTE" not in seen:
        raise _malformed("it has no palette (PLTE)")
    _check_pixels(header, packed)


def _chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    """(kind, body) of each chunk up to IEND, whatever lies behind it."""
    at, kind = len(PNG_SIGNATURE), b""
    while kind != b"IEND":
        size = int.from_bytes(raw[at : at + 4], "big")
        end = at + 12 + size
        if len(raw) < at + 12 or size >= LARGEST or end > len(raw):
            raise _malformed(f"it is cut off in the chunk at byte {at} of {len(raw)}")
        kind = raw[at + 4 : at + 8]
        if zlib.crc32(raw[at + 4 : end - 4]) != int.from_bytes(raw[end - 4 : end], "big"):
            raise _malformed(f"the checksum of its chunk {kind!r} at byte {at} is wrong")
        if not kind.isalpha() or not kind.isascii() or (kind == b"IEND" and size):
            raise _malformed(f"there is no chunk {kind!r} of {size} bytes")
        yield kind, raw[at + 8 : end - 4]
        at = end


def _header(body: bytes, max_pixels: int) -> _Header:
    if len(body) != 13:
        raise _malformed(f"its header (IHDR) has {len(body)} bytes, not 13")
    width, height = int.from_bytes(body[:4], "big"), int.from_bytes(body[4:8], "big")
    depth, color, packing, filters, interlace = body[8:]
    if not (0 < width < LARGEST and 0 < height < LARGEST):
        raise _malformed(f"it has {width} x {height} pixels")
    if max(width, height) > LONGEST_SIDE:
        raise BadValueError(
            "too_large",
            f"the image has {width} x {height} pixels, a side above {LONGEST_SIDE}",
        )
    if depth not in DEPTHS.get(color, ()) or packing or filters or interlace > 1:
        raise _malformed(f"there is no colour {color} of {depth} bits, or of this packing")
    if width * height > max_pixels:
        raise BadValueError(
            "too_large",
            f"the image has {width} x {height} pixels, more than the {max_pixels} of max_pixels",
        )
    return _Header(width, height, depth, color, interlace == 1)


def _check_palette(body: bytes, seen: list[bytes], header: _Header) -> None:
    if b"PLTE" in seen or b"IDAT" in seen or header.color in (0, 4):
        raise _malformed("its palette (PLTE) is there twice, too late, or for a grey image")
    most = 2**header.depth if header.color == PALETTE_COLOR else 256
    if len(body) % 3 or not 0 < len(body) <= 3 * most:
        raise _malformed(f"its palette (PLTE) has {len(body)} bytes")


def _check_pixels(header: _Header, packed: list[bytes]) -> None:
    """Unpack the pixels, a piece at a time, and look at the filter of each row."""
    passes = header.rows()
    expected, at = sum(count * size for count, size in passes), 0
    for piece in _unpacked(packed):
        if at + len(piece) > expected or not _has_filters(piece, at, passes):
            at = -1
            break
        at += len(piece)
    if at != expected:
        raise _malformed(
            f"its pixels are not the {expected} bytes that its header says, or a row of them has"
            " an unknown filter"
        )


def _unpacked(packed: list[bytes]) -> Iterator[bytes]:
    """What some parts of one zlib stream unpack to, in pieces that are never large."""
    inflate = zlib.decompressobj()
    try:
        for part in packed:
            for begin in range(0, len(part), PIECE):
                yield from _drained(inflate, part[begin : begin + PIECE])
    except zlib.error as error:
        raise _malformed(f"its pixels cannot be unpacked: {error}") from error
    if not inflate.eof:
        raise _malformed("its pixels are cut off")


def _drained(inflate: Any, part: bytes) -> Iterator[bytes]:
    """All that can be unpacked now; a full piece may have more of it behind it."""
    full = True
    while full and not inflate.eof:
        piece = inflate.decompress(part, PIECE)
        part, full = inflate.unconsumed_tail, len(piece) == PIECE
        yield piece


def _has_filters(piece: bytes, at: int, passes: list[tuple[int, int]]) -> bool:
    """Whether the rows that begin in a piece, which begins at `at`, have a known filter."""
    begin = -at
    for count, size in passes:
        end = begin + count * size
        first = begin if begin >= 0 else begin % size
        if max(piece[first : max(end, 0) : size], default=0) > LAST_FILTER:
            return False
        begin = end
    return True


def _malformed(text: str) -> BadValueError:
    return BadValueError("malformed", f"no sound PNG: {text}")
