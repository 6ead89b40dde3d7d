"""Fuzz the compiled JSON parser against the parser of single records, with atheris.

    make fuzz-json ARGS=-max_total_time=600

An input is either the bytes of one record, or the seed of a made record and what to do to its
bytes. What leads the fuzzer is what the parser of single records does; compiled code tells it
nothing. Numba must be on: the compiled parser reads through bare pointers, which Python has not.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path

import atheris

SLOW = ("json.record", "moments", "value_checks", "values")
with atheris.instrument_imports(include=[f"ingest.formats.{name}" for name in SLOW]):
    from tests.ingest.json_cases import WIDE, compare, damaged, make_record
    from tests.ingest.samples import SCHEMA, encoded

__all__ = ["main", "run_one"]


def run_one(data: bytes) -> None:
    """Check one input; raises AssertionError where the two parsers differ."""
    if data[:1] < b"\x80":
        compare([data[1:], b"{" + data[1:] + b"}"], SCHEMA)
        compare([b"{" + data[1:] + b"}"], WIDE)
        return
    rng = random.Random(data[1:9])
    raw = make_record(rng)
    for at in range(9, len(data) - 2, 3):
        place = (data[at] * 256 + data[at + 1]) % (len(raw) + 1)
        raw = raw[:place] + data[at + 2 : at + 3] + raw[place + data[at] % 3 :]
    compare([raw, damaged(rng, raw)], WIDE)


def seeds(folder: Path, count: int) -> None:
    """Write inputs to begin with: records as they should be, and seeds of made ones."""
    for number in range(count):
        (folder / f"record{number}").write_bytes(b"\0" + encoded(number))
        (folder / f"made{number}").write_bytes(b"\xff" + number.to_bytes(8, "big"))


def main() -> None:
    """Run libFuzzer; the first argument is the folder of the inputs."""
    seeds(Path(sys.argv[1]), 100)
    run_one(b"\0" + encoded(1))  # compiles, which takes longer than an input may
    atheris.Setup(sys.argv, run_one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
