"""Threads of a service take turns sooner than Python's own."""

import sys

from millstream.switching import SWITCH_S, switch_soon


def test_turns_are_shorter() -> None:
    before = sys.getswitchinterval()
    try:
        switch_soon()
        assert sys.getswitchinterval() == SWITCH_S < before
    finally:
        sys.setswitchinterval(before)
