"""How much is not read yet: known, not known any more, and not known at all."""

from __future__ import annotations

import logging
import threading

import pytest

from ingest import Position, SourceError, lag_watch
from ingest.lag_watch import LagWatch
from tests.ingest.test_intake import until

ENDS = Position({"t": {0: 30, 1: 5}})
TAKEN = Position({"t": {0: 10, 1: 5}})


class Source:
    """Tells its end once it is let."""

    def __init__(self) -> None:
        self.let, self.error = threading.Event(), None

    def end(self) -> Position:
        self.let.wait()
        if self.error is not None:
            raise self.error
        return ENDS


def test_it_is_known_until_nobody_has_told_for_long(monkeypatch: pytest.MonkeyPatch) -> None:
    source = Source()
    source.let.set()
    watch = LagWatch(source)
    assert watch.is_due()
    assert (watch.lag, watch.end) == (None, None)
    watch.look(TAKEN)
    assert (watch.lag, watch.end) == (20, ENDS)
    assert not watch.is_due()
    monkeypatch.setattr(lag_watch, "STALE_S", 0.05)
    source.let.clear()
    asking = threading.Thread(target=watch.look, args=(TAKEN,))
    asking.start()
    until(lambda: watch.lag is None)  # while it waits for an answer
    source.let.set()
    asking.join()


def test_a_broker_that_is_silent_is_told_of(caplog: pytest.LogCaptureFixture) -> None:
    source = Source()
    source.let.set()
    watch = LagWatch(source)
    watch.look(TAKEN)
    source.error = SourceError("no answer")
    with caplog.at_level(logging.WARNING, "millstream.ingest"):
        watch.look(TAKEN)
    assert (watch.lag, watch.end) == (None, None)
    assert "the lag is unknown: no answer" in caplog.text
