"""Whether bytes are a WAV of 16-bit samples, all there (RIFF, Microsoft and IBM 1991)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

from ingest.formats.values import BadValueError

__all__ = ["check_wav"]

PCM, BITS = 1, 16
FORMAT = struct.Struct("<HHIIHH")
FORMAT_SIZES = (16, 18)


def check_wav(raw: bytes, sample_rate: int | None) -> None:
    """Refuse a WAV that is damaged, cut off, or of another kind than 16-bit PCM.

    Every length is held against those around it. A chunk other than format and data may be there,
    of an even length (TensorFlow's decoder does not know the byte that pads an odd one).

    Args:
        raw: the file.
        sample_rate: that it must have, in Hz; None for any.

    Raises:
        BadValueError: says what is wrong, with what was expected.
    """
    if raw[:4] != b"RIFF" or raw[8:12] != b"WAVE":
        raise _malformed("it does not begin with RIFF and WAVE")
    if int.from_bytes(raw[4:8], "little") != len(raw) - 8:
        size = int.from_bytes(raw[4:8], "little")
        raise _malformed(f"it says {size} bytes, and has {len(raw) - 8}; is it cut off?")
    block, data = 0, 0
    for place, (kind, body) in enumerate(_chunks(raw)):
        if (kind == b"fmt ") != (place == 0):
            raise _malformed("its format (fmt) is not the first chunk, or there twice")
        if place == 0:
            block = _block(body, sample_rate)
        elif kind == b"data":
            data += 1
            if len(body) % block:
                raise _malformed(f"its {len(body)} bytes of samples are no multiple of {block}")
    if data != 1:
        raise _malformed(f"expected one chunk of samples (data), got {data}")


def _chunks(raw: bytes) -> Iterator[tuple[bytes, bytes]]:
    at = 12
    while at < len(raw):
        kind, size = raw[at : at + 4], int.from_bytes(raw[at + 4 : at + 8], "little")
        if at + 8 > len(raw) or size > len(raw) - at - 8:
            raise _malformed(f"it is cut off in the chunk at byte {at} of {len(raw)}")
        if size % 2:
            raise _malformed(f"its chunk {kind!r} has {size} bytes, an odd number")
        yield kind, raw[at + 8 : at + 8 + size]
        at += 8 + size


def _block(body: bytes, sample_rate: int | None) -> int:
    """Bytes of a sample of all channels, from the format chunk."""
    if len(body) not in FORMAT_SIZES:
        raise _malformed(f"expected a format of 16-bit PCM, got one of {len(body)} bytes")
    code, channels, rate, per_second, block, bits = FORMAT.unpack_from(body)
    if (code, bits) != (PCM, BITS):
        raise _malformed(f"expected PCM (1) of 16 bits, got format {code} of {bits} bits")
    if not channels or not rate or block != 2 * channels or per_second != rate * block:
        raise _malformed(
            f"its format contradicts itself: {channels} channels, {rate} Hz, {block} bytes a"
            f" sample, {per_second} bytes a second"
        )
    if sample_rate is not None and rate != sample_rate:
        raise _malformed(f"expected {sample_rate} Hz (sample_rate), got {rate}")
    return int(block)


def _malformed(text: str) -> BadValueError:
    return BadValueError("malformed", f"no sound WAV: {text}")
