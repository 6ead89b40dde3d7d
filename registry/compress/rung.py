"""The protocol of a rung: one way to make a model smaller or faster."""

from __future__ import annotations

from typing import Protocol

from registry.artifact import Tflite
from registry.compress.subject import Subject

__all__ = ["Rung"]


class Rung(Protocol):
    """One step of the compression ladder.

    Guarantees: `apply` is a pure function of the subject, and leaves it as it is; what it returns
    takes the same inputs and gives outputs of the same names and shapes; and it has checked that
    the bytes hold what it claims. How good they are is not its matter: that is measured.
    """

    @property
    def name(self) -> str:
        """Name of the rung, in the ladder, in tags and in tables."""

    def apply(self, subject: Subject) -> Tflite:
        """Smaller or faster bytes of the same model.

        Raises:
            CompressionError: the rung does not apply to this model, or failed.
        """
