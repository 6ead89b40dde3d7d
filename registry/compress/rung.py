"""The protocol of a rung: one way to make a model smaller or faster, alone or behind others."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Protocol, TypeVar, cast

from registry.artifact import Tflite
from registry.compress.subject import Subject

__all__ = ["Revertible", "Rung", "innermost", "keep_in"]


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


class Revertible(Protocol):
    """A rung that can keep operations in larger numbers: a frozen dataclass with this field."""

    keep: tuple[str, ...]

    @property
    def name(self) -> str:
        """Name of the rung."""

    @property
    def kept(self) -> str:
        """Dtype of what it keeps, `FLOAT32` or `INT8`."""

    def apply(self, subject: Subject) -> Tflite:
        """Small bytes, with what `keep` names in larger numbers."""


R = TypeVar("R", bound=Rung)


def innermost(rung: Rung) -> Revertible:
    """The rung that makes bytes small, behind all that change the model: itself if none does."""
    inner: Rung | None = getattr(rung, "inner", None)
    return cast("Revertible", rung) if inner is None else innermost(inner)


def keep_in(rung: R, keep: tuple[str, ...]) -> R:
    """The same rung, its innermost one keeping what is named in larger numbers."""
    of_rung: Any = rung
    inner: Rung | None = getattr(rung, "inner", None)
    changes = {"keep": keep} if inner is None else {"inner": keep_in(inner, keep)}
    changed: R = replace(of_rung, **changes)
    return changed
