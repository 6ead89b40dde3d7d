"""Images and audio made on the spot, from real digits where the content matters."""

from __future__ import annotations

import io
import struct
import wave
import zlib

import numpy as np
from PIL import Image
from sklearn.datasets import load_digits

MODES = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4}


def digits(count: int) -> tuple[np.ndarray, list[int]]:
    """uint8[count, 8, 8] grey pixels and what they show."""
    data = load_digits()
    return (data.images[:count] * 15).astype(np.uint8), data.target[:count].tolist()


def png(pixels: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG", **options)
    return file.getvalue()


def jpeg(pixels: np.ndarray, **options: object) -> bytes:
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **{"quality": 90, **options})
    return file.getvalue()


def noise(mode: str, width: int, height: int, seed: int = 0) -> np.ndarray:
    channels = MODES[mode]
    shape = (height, width) if channels == 1 else (height, width, channels)
    return np.random.default_rng(seed).integers(0, 256, shape, dtype=np.uint8)


def palette_png(bits: int) -> bytes:
    image = Image.fromarray(noise("RGB", 11, 6)).convert("P", colors=2**bits)
    file = io.BytesIO()
    image.save(file, "PNG", bits=bits, transparency=0)
    return file.getvalue()


def interlaced_png(width: int, height: int) -> bytes:
    """A grey PNG in Adam7's seven passes, which Pillow reads but does not write."""
    from ingest.formats.raw.png import INTERLACED

    pixels, rows = noise("L", width, height), b""
    for left, top, across, down in INTERLACED:
        part = pixels[top::down, left::across]
        rows += b"".join(b"\0" + row.tobytes() for row in part if row.size)
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 1)
    parts = ((b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in parts)


def chunk(kind: bytes, body: bytes) -> bytes:
    """A chunk of a PNG with its checksum."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def mend_checksums(raw: bytes) -> bytes:
    """A PNG whose chunks have the checksums of their bodies, as far as its lengths hold."""
    at, parts = 8, [raw[:8]]
    while at + 12 <= len(raw) and at + 12 + int.from_bytes(raw[at : at + 4], "big") <= len(raw):
        size = int.from_bytes(raw[at : at + 4], "big")
        parts.append(chunk(raw[at + 4 : at + 8], raw[at + 8 : at + 8 + size]))
        at += 12 + size
    return b"".join([*parts, raw[at:]])


def wav(samples: np.ndarray, rate: int = 8000, width: int = 2) -> bytes:
    """A WAV of int16[n, channels]; of another width, silence."""
    file = io.BytesIO()
    with wave.open(file, "wb") as made:
        made.setnchannels(samples.shape[1])
        made.setsampwidth(width)
        made.setframerate(rate)
        plain = samples.astype("<i2").tobytes()
        made.writeframes(plain if width == 2 else bytes(samples.size * width))
    return file.getvalue()


def with_length(raw: bytes) -> bytes:
    """A WAV whose outer length is right."""
    return raw[:4] + struct.pack("<I", max(len(raw) - 8, 0)) + raw[8:]


IMAGES = {
    **{f"png {mode}": png(noise(mode, 9, 7)) for mode in MODES},
    "png of 16 bits": png(np.arange(35, dtype=np.uint16).reshape(5, 7) * 1000),
    "png of 1 bit": png(noise("L", 9, 5) > 99),
    "png with a palette": palette_png(4),
    "png with a small palette": palette_png(1),
    "png interlaced": interlaced_png(13, 5),
    "png interlaced, a pixel": interlaced_png(1, 1),
    "png with more chunks": png(noise("L", 9, 7), dpi=(72, 72), pnginfo=None),
    "jpeg grey": jpeg(noise("L", 9, 7)),
    "jpeg RGB": jpeg(noise("RGB", 17, 13)),
    "jpeg progressive": jpeg(noise("RGB", 17, 13), progressive=True),
    "jpeg with restarts": jpeg(noise("RGB", 32, 24), restart_marker_blocks=1),
    "jpeg subsampled": jpeg(noise("RGB", 32, 24), subsampling=2),
}
TONE = (np.sin(np.arange(40) / 3) * 30_000).astype(np.int16)[:, None]
SOUNDS = {
    "mono": wav(TONE),
    "stereo": wav(np.hstack([TONE, -TONE])),
    "three channels": wav(np.hstack([TONE] * 3)),
    "silent": wav(TONE[:0]),
}
SOUNDS["with another chunk"] = with_length(
    SOUNDS["mono"][:36] + b"LIST" + struct.pack("<I", 4) + b"abcd" + SOUNDS["mono"][36:]
)
