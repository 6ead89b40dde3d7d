"""What a rung of the compression ladder leaves behind: exported bytes, or the reason why not."""

from __future__ import annotations

import gzip
import hashlib
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

__all__ = ["Artifact", "SkippedRung", "gzip_model"]

Tflite: TypeAlias = bytes


def gzip_model(tflite: Tflite) -> Tflite:
    """The bytes as they are stored: gzip, level 9, no time stamp, so equal in gives equal out."""
    return gzip.compress(tflite, compresslevel=9, mtime=0)


@dataclass(frozen=True)
class Artifact:
    """One exported model, exactly as it is scored, gated and shipped.

    Attributes:
        rung: name of the rung that made it, such as `pruned_int8`.
        tflite: the LiteRT flatbuffer.
        notes: what was found in the bytes, for people: weights per dtype, zeros.
    """

    rung: str
    tflite: Tflite
    notes: tuple[str, ...] = ()

    @property
    def bytes(self) -> int:
        """Size of the flatbuffer, in bytes."""
        return len(self.tflite)

    @cached_property
    def gzip_bytes(self) -> int:
        """Size as stored (gzip), in bytes: where zeros pay."""
        return len(gzip_model(self.tflite))

    @cached_property
    def sha256(self) -> str:
        """Digest of the flatbuffer, in hex."""
        return hashlib.sha256(self.tflite).hexdigest()


@dataclass(frozen=True)
class SkippedRung:
    """A rung that could not be climbed, and why."""

    rung: str
    reason: str
