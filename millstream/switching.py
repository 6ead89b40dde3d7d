"""How soon a thread of a service gets Python's lock."""

from __future__ import annotations

import sys

__all__ = ["switch_soon"]

SWITCH_S = 0.001


def switch_soon() -> None:
    """Have the threads of this process take turns every millisecond, not every five.

    The thread that trains gives Python's lock away with each call of TensorFlow, thousands a round,
    and may have to wait for a whole turn of the one that reads before it has it again.
    """
    sys.setswitchinterval(SWITCH_S)
