"""When the service ends by itself, by times that the test tells."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest import Position
from millstream.errors import NoProgressError, StackError
from millstream.rounds.endings import Idleness, Silence, check_progress
from millstream.rounds.plan import Plan
from millstream.rounds.store import RoundStore


def test_idle_is_caught_up_and_quiet() -> None:
    idle = Idleness(5.0)
    for now, count, lag, expected in (
        (0.0, 0, None, False),
        (9.0, 0, None, False),  # the lag is not known yet
        (10.0, 0, 3, False),  # three records are still to be read
        (11.0, 3, 0, False),
        (15.9, 3, 0, False),
        (16.0, 3, 0, True),
        (17.0, 4, 0, False),
    ):
        assert idle.reached(count, lag, now) is expected, now


def test_without_a_limit_it_is_never_idle() -> None:
    idle = Idleness(None)
    assert not idle.reached(0, 0, 0.0)
    assert not idle.reached(0, 0, 1e9)


def test_a_minute_of_silence_ends_the_service() -> None:
    silence = Silence("b:1")
    for now, lag in ((0.0, None), (59.0, None), (60.0, 0), (200.0, None), (259.0, None)):
        silence.check(lag, now)
    with pytest.raises(StackError, match="b:1 has not answered for 60 s"):
        silence.check(None, 261.0)


def test_three_failed_rounds_in_a_row_end_the_service(tmp_path: Path) -> None:
    store = RoundStore(tmp_path)
    position = Position({"t": {0: 0}})
    for number, reason in enumerate([None, "nan", None, "nan", "nan", "odd"]):
        parent = number - 1 if number else None
        plan = Plan(number, parent, position, position, (), 1, "r", "records", 1)
        folder = store.begin(plan)
        folder.write_report({"training": {"diverged": reason}})
        folder.mark_done("digest")
        if number < 5:
            check_progress(store)
    with pytest.raises(NoProgressError, match="the latest because odd"):
        check_progress(store)
