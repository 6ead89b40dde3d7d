"""Checks of what users write beside an augmentation."""

from __future__ import annotations

from collections.abc import Sequence

from ingest.errors import SettingsError

__all__ = ["expect", "expect_names", "expect_number", "expect_pair", "expect_whole", "expect_word"]


def expect(holds: bool, place: str, expected: str, got: object) -> None:
    """Refuse a parameter.

    Args:
        holds: whether the parameter is right.
        place: such as `augment.smote.neighbours`.
        expected: what is right, in words.
        got: what was given.

    Raises:
        SettingsError: it is not right.
    """
    if not holds:
        raise SettingsError(f"{place}: expected {expected}, got {got!r}")


def expect_number(place: str, value: object, low: float, high: float, text: str = "") -> None:
    """Refuse what is no number from `low` to `high`; see `expect`."""
    number = isinstance(value, int | float) and not isinstance(value, bool) and low <= value <= high
    expect(number, place, _range("a number", low, high, text), value)


def expect_whole(place: str, value: object, low: int, high: int, text: str = "") -> None:
    """Refuse what is no whole number from `low` to `high`; see `expect`."""
    whole = isinstance(value, int) and not isinstance(value, bool) and low <= value <= high
    expect(whole, place, _range("a whole number", low, high, text), value)


def expect_pair(place: str, value: object, low: float, high: float, text: str = "") -> None:
    """Refuse what is not [smallest, largest], both from `low` to `high`; see `expect`."""
    pair = list(value) if isinstance(value, Sequence) and not isinstance(value, str) else []
    numbers = all(isinstance(n, int | float) and not isinstance(n, bool) for n in pair)
    holds = len(pair) == 2 and numbers and low <= pair[0] <= pair[1] <= high
    expect(holds, place, _range("[smallest, largest],", low, high, text), value)


def expect_word(place: str, value: object, words: Sequence[str]) -> None:
    """Refuse what is none of some words; see `expect`."""
    expect(value in words, place, f"one of {', '.join(words)}", value)


def expect_names(place: str, value: object) -> tuple[str, ...]:
    """The names of a list, none of which is empty or there twice; see `expect`."""
    listed = value if isinstance(value, Sequence) and not isinstance(value, str) else [None]
    names = tuple(name for name in listed if isinstance(name, str) and name)
    holds = len(names) == len(listed) == len(set(names))
    expect(holds, place, "a list of names of features, none twice", value)
    return names


def _range(what: str, low: float, high: float, text: str) -> str:
    return f"{what} from {low:g} to {high:g}" + (f", {text}" if text else "")
