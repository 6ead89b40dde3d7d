"""What workers tell each other: arrays of numbers, as bytes."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Workers", "gather_arrays"]


class Workers(Protocol):
    """The workers that read a topic together, as one of them sees them.

    Partition p belongs to the worker of rank p modulo size.
    """

    @property
    def rank(self) -> int:
        """Its own number, from 0."""

    @property
    def size(self) -> int:
        """How many there are."""

    def gather(self, data: bytes) -> list[bytes]:
        """The bytes of every worker, in the order of ranks; all workers call it in one order."""


def gather_arrays(
    workers: Workers, arrays: Mapping[str, NDArray[Any]]
) -> list[dict[str, NDArray[Any]]]:
    """The arrays of every worker, in the order of ranks; numbers only."""
    own = io.BytesIO()
    np.savez(own, allow_pickle=False, **arrays)
    return [_read(data) for data in workers.gather(own.getvalue())]


def _read(data: bytes) -> dict[str, NDArray[Any]]:
    with np.load(io.BytesIO(data), allow_pickle=False) as file:
        return {name: file[name] for name in file.files}
