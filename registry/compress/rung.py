"""The protocol of a rung: one way to make exported bytes smaller."""

from __future__ import annotations

from typing import Protocol

__all__ = ["Rung"]


class Rung(Protocol):
    """One step of the compression ladder.

    Guarantees: `apply` is a pure function of the bytes; what it returns takes the same inputs and
    gives the same outputs but for rounding; and it has checked that the bytes hold what it claims.
    """

    @property
    def name(self) -> str:
        """Name of the rung, in the ladder, in tags and in tables."""

    def apply(self, float32: bytes) -> bytes:
        """Smaller bytes from the float32 export.

        Raises:
            CompressionError: the rung does not apply to this model, or failed.
        """
