"""Decimal numbers to float64, exactly as Python's `float` rounds them, compiled.

Small numbers by one division or multiplication of exact doubles [Clinger 1990], others by a product
with a power of five of 128 bits [Lemire 2021, "Number Parsing at a Gigabyte per Second"; Mushtak &
Lemire 2022]. What these do not decide is left to the caller.
"""

from __future__ import annotations

import numpy as np

from ingest.compiled import compiled

__all__ = ["to_float"]

EXACT = 22
EXACT_POWERS = np.array([10.0**power for power in range(EXACT + 1)])
LARGEST_EXACT = np.uint64(2**53)
FIRST, LAST = -300, 300
ONES = np.uint64(2**64 - 1)
HALF = np.uint64(2**32 - 1)
HIDDEN = np.uint64(2**52)


def power_of_five(power: int) -> int:
    """The first 128 bits of 5**power, rounded up for a negative power."""
    if power >= 0:
        value: int = 5**power
        shift = 128 - value.bit_length()
        return value << shift if shift >= 0 else value >> -shift
    value = 5 ** abs(power)
    bits = (value - 1).bit_length()
    if power >= -27:
        return (1 << (bits + 127)) // value + 1
    found: int = (1 << (2 * bits + 128)) // value + 1
    return found >> max(0, found.bit_length() - 128)


FIVES = [power_of_five(power) for power in range(FIRST, LAST + 1)]
HIGH = np.array([five >> 64 for five in FIVES], np.uint64)
LOW = np.array([five & (2**64 - 1) for five in FIVES], np.uint64)


@compiled
def to_float(mantissa: np.uint64, exponent: int) -> tuple[float, bool]:
    """`mantissa * 10**exponent` as the nearest float64, and whether that is sure."""
    if mantissa == 0:
        return 0.0, True
    if mantissa <= LARGEST_EXACT and -EXACT <= exponent <= EXACT:
        number = np.float64(mantissa)
        if exponent < 0:
            return number / EXACT_POWERS[-exponent], True
        return number * EXACT_POWERS[exponent], True
    if not FIRST <= exponent <= LAST:
        return 0.0, False
    return _by_product(mantissa, exponent)


@compiled
def _by_product(mantissa: np.uint64, exponent: int) -> tuple[float, bool]:
    """Lemire's algorithm, for a result that is a normal number."""
    zeros = _leading_zeros(mantissa)
    scaled = mantissa << np.uint64(zeros)
    high, low = _product(scaled, HIGH[exponent - FIRST])
    if high & np.uint64(0x1FF) == np.uint64(0x1FF):
        more, _ = _product(scaled, LOW[exponent - FIRST])
        low += more
        if low < more:
            high += np.uint64(1)
    if low == ONES and not -27 <= exponent <= 55:
        return 0.0, False
    upper = high >> np.uint64(63)
    shift = upper + np.uint64(9)
    digits = high >> shift
    power = ((217706 * exponent) >> 16) + 1086 + np.int64(upper) - zeros
    if not 0 < power < 2045:
        return 0.0, False
    halfway = digits & np.uint64(3) == np.uint64(1) and digits << shift == high
    if halfway and low <= np.uint64(1) and -4 <= exponent <= 23:
        digits &= ~np.uint64(1)
    digits = (digits + (digits & np.uint64(1))) >> np.uint64(1)
    if digits >= HIDDEN << np.uint64(1):
        digits = HIDDEN
        power += 1
    bits = (digits & ~HIDDEN) | (np.uint64(power) << np.uint64(52))
    return np.uint64(bits).view(np.float64), True


@compiled
def _leading_zeros(number: np.uint64) -> int:
    zeros = 0
    for step in (32, 16, 8, 4, 2, 1):
        if number >> np.uint64(64 - step) == np.uint64(0):
            number <<= np.uint64(step)
            zeros += step
    return zeros


@compiled
def _product(one: np.uint64, other: np.uint64) -> tuple[np.uint64, np.uint64]:
    """The upper and the lower 64 bits of a product."""
    half = np.uint64(32)
    low, high = one & HALF, one >> half
    other_low, other_high = other & HALF, other >> half
    first = low * other_low
    middle = high * other_low + (first >> half)
    second = low * other_high + (middle & HALF)
    return high * other_high + (middle >> half) + (second >> half), one * other
