"""The ledger finds what it is there to find."""

from __future__ import annotations

from dataclasses import replace

import pytest

from ingest import OffsetRange
from tests.chaos.ledger import Ledger, RoundCounts, add_up


def made(number: int, start: int, end: int) -> RoundCounts:
    ranges = (OffsetRange("t", 0, start, end), OffsetRange("t", 1, 2 * start, 2 * end))
    seen = 3 * (end - start)
    return RoundCounts(number, ranges, seen, 1, seen - 5, 4, seen - 8, number)


GOOD = [made(1, 0, 10), made(2, 10, 30), made(3, 30, 31 + 10)]


def test_sums_of_rounds_that_are_whole() -> None:
    ledger = add_up(GOOD)
    assert ledger == Ledger(3, 123, 99, 12, 9, 3, 3)
    places = ledger.trained_on + ledger.held_out + ledger.sampled_away + ledger.dead_lettered
    assert places == ledger.read


def test_a_round_that_waits_has_no_version_yet() -> None:
    assert add_up([*GOOD[:2], replace(GOOD[2], version=None)]).versions == 2


@pytest.mark.parametrize(
    ("damaged", "said"),
    [
        ([GOOD[0], GOOD[2]], "begins at 30"),
        ([GOOD[0], made(2, 9, 30)], "begins at 9"),
        ([replace(GOOD[0], seen=29)], "saw 29 records of 30"),
        ([replace(GOOD[0], bad=2)], "a place for 31 of 30"),
        ([replace(GOOD[0], sampled=26)], "trained on more"),
        ([GOOD[0], replace(GOOD[1], version=1)], "one version"),
        ([replace(GOOD[0], version=3), GOOD[1]], "order of rounds"),
    ],
)
def test_what_is_wrong_is_named(damaged: list[RoundCounts], said: str) -> None:
    with pytest.raises(AssertionError, match=said):
        add_up(damaged)
