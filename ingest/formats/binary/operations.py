"""What the walks through binary formats note of a value: the operation that has read it."""

from __future__ import annotations

__all__ = ["ABSENT", "FLOOR_TO_MS", "MS_PER_DAY", "ODD", "OPERATIONS"]

NAMES = "null boolean int long float double bytes string fixed enum union record array map"
OPERATIONS = {name: place for place, name in enumerate(NAMES.split())}
"""By name; those that read a value of any format have Avro's names."""

ABSENT, ODD = 255, 254
"""Instead of an operation: no value, and one that is left to the reader of single records."""

MS_PER_DAY = 86_400_000
FLOOR_TO_MS = {"timestamp-millis": 1, "timestamp-micros": 1_000, "timestamp-nanos": 1_000_000}
"""How many units of a moment are a millisecond, by Avro's logical type."""
