"""Checks of what users write beside an augmentation of images."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.augment.parameters import expect

__all__ = ["expect_pair"]


def expect_pair(place: str, value: object, low: float, high: float) -> None:
    """Refuse what is not [smallest, largest], both from `low` to `high`.

    Raises:
        SettingsError: it is not.
    """
    pair = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    numbers = all(isinstance(n, int | float) and not isinstance(n, bool) for n in pair)
    holds = len(pair) == 2 and numbers and low <= pair[0] <= pair[1] <= high
    expect(holds, place, f"[smallest, largest], from {low:g} to {high:g}", value)
