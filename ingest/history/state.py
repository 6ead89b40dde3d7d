"""A checkpoint of a history."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ingest.errors import SamplerError

__all__ = ["HistoryState"]


@dataclass(frozen=True)
class HistoryState:
    """A checkpoint of a history.

    Attributes:
        settings: of the selection, as plain values.
        seen: rows offered so far.
        segments: the files that hold the sample.
    """

    settings: Mapping[str, object]
    seen: int
    segments: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """A plain form."""
        return {
            "settings": dict(self.settings),
            "seen": self.seen,
            "segments": list(self.segments),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> HistoryState:
        """The inverse of `to_json`.

        Raises:
            SamplerError: it is not of that form.
        """
        try:
            return cls(dict(value["settings"]), int(value["seen"]), tuple(value["segments"]))
        except (KeyError, TypeError, ValueError) as error:
            raise SamplerError(f"history: expected a state, got {str(value)[:200]}") from error
