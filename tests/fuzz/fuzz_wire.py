"""Feed damaged fetches to the wire decoder, guided by coverage, and hold it to kafka-python.

    make fuzz-wire ARGS=-max_total_time=600

The first bytes of an input choose a codec and the offset asked for; the rest is one or more
batches, whose lengths, checksums and compression are made right, so that damage gets past them.
Numba must be off (`NUMBA_DISABLE_JIT=1`): what is compiled cannot tell what it covers, and in
Python each index is checked. The compiled functions are fuzzed by tests/ingest/test_wire_fuzz.py.
"""

from __future__ import annotations

import struct
import sys
from collections import Counter

import atheris

import ingest  # noqa: F401 - so that what follows is all that is instrumented

with atheris.instrument_imports(include=["ingest.wire"]):
    from ingest.wire import fetch  # noqa: F401

from tests.ingest.wire_batches import CODECS, HEADER, with_crc
from tests.ingest.wire_mutations import ABORTED, compare, mutated, recompressed

OUTCOMES: Counter[str] = Counter()
NAMES = list(CODECS)


def repaired(data: bytes, codec: str) -> bytes:
    """The batches that the bytes might be, with what is checked first made right."""
    parts, at = [], 0
    while len(data) - at > HEADER:
        length = int.from_bytes(data[at + 8 : at + 12], "big", signed=True)
        end = at + 12 + length if HEADER <= length + 12 <= len(data) - at else len(data)
        made = bytearray(data[at:end])
        made[8:12] = struct.pack(">i", len(made) - 12)
        made[16] = 2
        made[22] &= 0x38
        parts.append(recompressed(with_crc(made), codec))
        at = end
    return b"".join(parts) + data[at:]


def one_input(data: bytes) -> None:
    """Read an input both ways."""
    if len(data) < 2:
        return
    codec, offset = NAMES[data[0] % len(NAMES)], data[1]
    buffer = data[2:] if data[0] & 0x80 else repaired(data[2:], codec)
    aborted = ABORTED if data[0] & 0x40 else None
    OUTCOMES[compare(buffer, offset, aborted)] += 1


def seeds(folder: str, count: int) -> None:
    """Write inputs to begin with: batches as kafka-python makes them, a few of them damaged."""
    for seed in range(count):
        with open(f"{folder}/seed{seed}", "wb") as file:  # noqa: PTH123
            file.write(bytes([seed % 128, seed % 24]) + mutated(seed))


def main() -> None:
    """Run libFuzzer; the first argument is the folder of the inputs."""
    seeds(sys.argv[1], 200)
    atheris.Setup(sys.argv, one_input)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
