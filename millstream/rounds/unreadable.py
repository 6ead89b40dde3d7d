"""Rounds that cannot be read: what is told of them where all others are shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import TypeVar

from millstream.errors import MillstreamError
from millstream.rounds.folder import RoundFolder
from millstream.rounds.seal import damaged

__all__ = ["UNREADABLE", "lost_round", "read_all", "why_unreadable"]

T = TypeVar("T")

UNREADABLE = (MillstreamError, OSError, AttributeError, KeyError, TypeError, ValueError)
"""What reading a round comes to whose files are damaged, or of a form that is not known."""


def read_all(folders: Iterable[RoundFolder], read: Callable[[RoundFolder], T]) -> Iterator[T]:
    """What reading each of them gives, but of those that cannot be read: for pictures, say."""
    for folder in folders:
        try:
            yield read(folder)
        except UNREADABLE:
            continue


def why_unreadable(folder: Path, error: Exception) -> str:
    """What is wrong with a round's folder and how it is mended, given what reading it came to."""
    if isinstance(error, MillstreamError):
        return str(error)
    found = str(error) if isinstance(error, OSError) else f"{type(error).__name__}: {error}"
    return str(damaged(folder, "files as millstream writes them", found))


def lost_round(folder: Path) -> str:
    """What is told of a round that must have happened, as later ones did, and is not there."""
    found = "none of it" if not folder.exists() else "a folder without DONE"
    return str(damaged(folder, "a round, as there are later ones", found))
