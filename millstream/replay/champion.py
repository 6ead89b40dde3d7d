"""The champion as a round saw it: in a replay it is the one of then."""

from __future__ import annotations

from typing import Any

from registry import ModelRegistry, ModelVersion, VersionNotFound

__all__ = ["RecordedChampion"]


class RecordedChampion:
    """Where a replayed round has the champion from.

    See `Champions` of `millstream.publishing.kept_champion`.

    Args:
        registry: the real one.
        version: the champion when the round began; None if there was none.
    """

    def __init__(self, registry: ModelRegistry, version: int | None) -> None:
        self._registry = registry
        self._version = version

    def champion(self) -> ModelVersion | None:
        """The champion of then; None if it has been deleted since."""
        try:
            return None if self._version is None else self._registry.version(self._version)
        except VersionNotFound:
            return None

    def tflite(self, version: ModelVersion) -> bytes:
        """As `ModelRegistry.tflite`."""
        return self._registry.tflite(version)

    def schema(self, version: ModelVersion) -> dict[str, Any]:
        """As `ModelRegistry.schema`."""
        return self._registry.schema(version)
