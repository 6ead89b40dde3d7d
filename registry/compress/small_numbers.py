"""Float32 values as int8, int4 or float16, with the steps that lose least."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["SmallNumbers", "pack_int4", "shrink"]

CLIPS = np.linspace(1.0, 0.5, 11)
LEVELS = {"INT8": 127, "INT4": 7}
WIDE_ROW = 16
COARSE = 0.05
LARGEST_FLOAT16 = 65504.0


@dataclass(frozen=True)
class SmallNumbers:
    """Values as they are stored.

    Attributes:
        data: their bytes.
        scale: one step of the integers; None for float16.
        steps: float32 `[rows, 1]` to multiply each row by, or None.
    """

    data: bytes
    scale: float | None
    steps: NDArray[np.float32] | None = None


def shrink(values: NDArray[np.float32], dtype: str) -> SmallNumbers:
    """Values in another dtype, with one step for all; or in int4 with one for each row.

    Int4 has 15 levels, so one step for all can lose the rows whose numbers are small. Rows have
    their own where they are wide enough to pay for it, and one step loses more than a twentieth of
    their energy on average.

    Args:
        values: of any shape.
        dtype: `INT8`, `INT4` or `FLOAT16`.
    """
    if dtype == "FLOAT16":
        clipped = np.clip(values, -LARGEST_FLOAT16, LARGEST_FLOAT16)
        return SmallNumbers(clipped.astype(np.float16).tobytes(), None)
    levels = LEVELS[dtype]
    step = best_steps(values.reshape(1, -1), levels)
    if dtype == "INT8":
        return SmallNumbers(
            rounded(values, step[0, 0], levels).astype(np.int8).tobytes(), step.item()
        )
    if values.ndim == 2 and values.shape[1] >= WIDE_ROW and share_lost(values, step) > COARSE:
        steps = best_steps(values, levels)
        return SmallNumbers(packed(rounded(values, steps, levels)), 1.0, steps)
    return SmallNumbers(packed(rounded(values, step[0, 0], levels)), step.item())


def share_lost(rows: NDArray[np.float32], step: NDArray[np.float32]) -> float:
    """Mean share of the energy of a row that int4 loses with one step for all."""
    lost = np.square(rounded(rows, step, LEVELS["INT4"]) * step - rows).sum(axis=1)
    energy = np.square(rows).sum(axis=1)
    return float(np.mean(lost[energy > 0] / energy[energy > 0])) if energy.any() else 0.0


def best_steps(rows: NDArray[np.float32], levels: int) -> NDArray[np.float32]:
    """For each row the step with the least squared error, `[rows, 1]`.

    Clipping a few large values can make all others finer.
    """
    largest = np.abs(rows).max(axis=1, keepdims=True, initial=0.0)
    largest[largest == 0.0] = 1.0
    best, least = largest / levels, np.full_like(largest, np.inf)
    for clip in CLIPS:
        steps = (largest * clip / levels).astype(np.float32)
        lost = np.square(rounded(rows, steps, levels) * steps - rows).sum(axis=1, keepdims=True)
        best, least = np.where(lost < least, steps, best), np.minimum(lost, least)
    return np.asarray(best, np.float32)


def rounded(rows: NDArray[Any], steps: NDArray[Any], levels: int) -> NDArray[Any]:
    """Rows in whole steps, none beyond the levels."""
    return np.asarray(np.clip(np.round(rows / steps), -levels, levels))


def packed(whole: NDArray[Any]) -> bytes:
    """The bytes of whole numbers from -8 to 7."""
    return pack_int4(whole.astype(np.int8).reshape(-1)).tobytes()


def pack_int4(whole: NDArray[np.int8]) -> NDArray[np.uint8]:
    """Two values a byte, the first in the low half."""
    halves = (np.append(whole, np.zeros(whole.size % 2, np.int8)) & 0xF).astype(np.uint8)
    return np.asarray(halves[0::2] | (halves[1::2] << 4), np.uint8)
