"""Rungs that begin with the same change of the model: it is made and fine-tuned once for all."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from registry.artifact import Tflite
from registry.compress.rung import Revertible, Rung, innermost
from registry.compress.subject import Subject
from registry.errors import CompressionError

__all__ = ["Sharing"]


@dataclass
class Sharing:
    """Applies rungs to one subject, and remembers the changed models.

    A rung that changes the model is a dataclass with an `inner` rung, which makes the changed model
    small; but for that one, equal rungs change a model equally. The bytes are those that `apply` of
    each rung would give.

    Attributes:
        subject: of all rungs.
        changed: what came of each change: what the inner rungs share, or why there is nothing.
    """

    subject: Subject
    changed: dict[Any, Sharing | CompressionError] = field(default_factory=dict)

    def apply(self, rung: Rung) -> Tflite:
        """A rung's bytes.

        Raises:
            CompressionError: the rung does not apply, or failed.
        """
        last, subject = self.reach(rung)
        return last.apply(subject)

    def reach(self, rung: Rung) -> tuple[Revertible, Subject]:
        """The innermost rung, and what it makes small: the subject, or what the changes made of it.

        Raises:
            CompressionError: a change does not apply, or failed.
        """
        inner: Rung | None = getattr(rung, "inner", None)
        if inner is None:
            return innermost(rung), self.subject
        of_rung: Any = rung
        change = replace(of_rung, inner=None)
        if change not in self.changed:
            self.changed[change] = self.make(of_rung)
        found = self.changed[change]
        if isinstance(found, CompressionError):
            raise found
        return found.reach(inner)

    def make(self, rung: Any) -> Sharing | CompressionError:
        """What a rung would give its inner one, or why it would not."""
        caught = Caught()
        try:
            replace(rung, inner=caught).apply(self.subject)
        except CompressionError as e:
            return e
        return Sharing(caught.subjects[-1])


@dataclass(frozen=True)
class Caught:
    """A rung that keeps what it is given, and makes nothing of it."""

    subjects: list[Subject] = field(default_factory=list)

    @property
    def name(self) -> str:
        """Name of the rung."""
        return "caught"

    def apply(self, subject: Subject) -> Tflite:
        """The float32 bytes, as they are."""
        self.subjects.append(subject)
        return subject.float32
