"""Whether bytes are a JPEG image that every decoder reads to its end (ITU-T T.81)."""

from __future__ import annotations

import io
import re

from ingest.formats.values import BadValueError

__all__ = ["JPEG_SIGNATURE", "check_jpeg"]

JPEG_SIGNATURE = b"\xff\xd8\xff"
SCAN_END = re.compile(rb"\xff[^\x00\xd0-\xd7\xff]")
START_OF_SCAN, END_OF_IMAGE = 0xDA, 0xD9
DCT_FRAMES = (0xC0, 0xC1, 0xC2)  # baseline, extended, progressive; Huffman coded
FRAMES = (*DCT_FRAMES, 0xC3, *range(0xC5, 0xC8), *range(0xC9, 0xCC), *range(0xCD, 0xD0))
ALONE = (0x00, 0x01, *range(0xD0, 0xD9))
MODES = ("L", "RGB")
MOST_SCANS = 100  # each of them costs as much as all the pixels


def check_jpeg(raw: bytes, max_pixels: int) -> None:
    """Refuse a JPEG that is cut off, damaged, too large, or of a kind that few decoders read.

    The markers are walked here, from the first to the end of the image; what lies between them is
    decoded once by Pillow.

    Args:
        raw: the file, with its signature.
        max_pixels: most that width times height may be.

    Raises:
        BadValueError: says which of these it is.
    """
    frame = _frame(raw)
    depth, height, width = frame[0], *(int.from_bytes(frame[i : i + 2], "big") for i in (1, 3))
    if depth != 8 or not width or not height or frame[5] not in (1, 3):
        raise _malformed(
            f"expected 8 bits, grey or RGB; got {depth} bits, {frame[5]} components,"
            f" {width} x {height} pixels"
        )
    if width * height > max_pixels:
        raise BadValueError(
            "too_large",
            f"the image has {width} x {height} pixels, more than the {max_pixels} of max_pixels",
        )
    _decode(raw)


def _frame(raw: bytes) -> bytes:
    """The frame header; all markers are walked."""
    at, frame, scans = 2, b"", 0
    while True:
        marker, at = _marker(raw, at)
        if marker == END_OF_IMAGE:
            break
        size = int.from_bytes(raw[at : at + 2], "big")
        if size < 2 or at + size > len(raw):
            raise _malformed(f"it is cut off in the segment at byte {at} of {len(raw)}")
        if marker in FRAMES:
            if marker not in DCT_FRAMES or frame or size < 8:
                raise _malformed(f"its frame (0x{marker:02x}) is unknown, or there twice")
            frame = raw[at + 2 : at + size]
        at += size
        if marker == START_OF_SCAN:
            scans += 1
            if scans > MOST_SCANS:
                raise _malformed(f"it has more than {MOST_SCANS} scans")
            end = SCAN_END.search(raw, at)
            if end is None:
                raise _malformed("it is cut off in its pixels")
            at = end.start()
    if not frame or not scans:
        raise _malformed("it has no frame or no pixels")
    return frame


def _marker(raw: bytes, at: int) -> tuple[int, int]:
    """A marker, and the place behind it."""
    begin = at
    while at < len(raw) and raw[at] == 0xFF:
        at += 1
    if at == begin or at >= len(raw) or raw[at] in ALONE:
        raise _malformed(f"expected a marker at byte {begin} of {len(raw)}")
    return raw[at], at + 1


def _decode(raw: bytes) -> None:
    from PIL import Image, UnidentifiedImageError  # costs start-up time that only images pay

    try:
        with Image.open(io.BytesIO(raw), formats=("JPEG",)) as image:
            image.load()
            mode = image.mode
    except (OSError, SyntaxError, ValueError, UnidentifiedImageError) as error:
        first = (str(error).splitlines() or [type(error).__name__])[0]
        reason = "it cannot be identified" if "identify" in first else first[:100]
        raise _malformed(reason) from error
    if mode not in MODES:
        raise _malformed(f"expected grey or RGB, got {mode}")


def _malformed(text: str) -> BadValueError:
    return BadValueError("malformed", f"no sound JPEG: {text}")
