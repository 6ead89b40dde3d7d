"""The benchmark of the page counts what it says; its runs of the service are for `make`."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from bench.page.crowd import Viewer, crowd
from bench.page.training import MARK, Lap, in_turns, order, rate, told
from tests.millstream.page import state
from tests.millstream.page.server import served

pytestmark = pytest.mark.long


def test_laps_take_turns():
    assert order(100, 4) == [0, 100, 100, 0, 0, 100, 100, 0]


def test_the_median_of_pairs_counts(capsys, monkeypatch):
    """The machine becomes slower from lap to lap; viewers cost a hundredth."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    rates = iter([100, 98.0, 97.0, 97.98, 96, 95.04])

    def lap(count):
        return Lap(next(rates), 0.01, count / 1e4, count / 20, 0.02, 0.0)

    found = told(in_turns(lap, 100, 3), 100, 10.0)
    assert found["trained_with_viewers"] == pytest.approx(0.99, abs=1e-4)
    assert found["taken_by_viewers"] == pytest.approx(0.01 / 2)
    assert "|     100 |    97.0 | 1.0% |         1.0% |" in capsys.readouterr().out


def test_the_rate_is_that_between_the_marks_of_a_lap():
    seen = np.array([(16 * n, 100 + n / 4) for n in range(100)], MARK)
    assert rate(seen, 105.1, 115.1) == 64
    with pytest.raises(RuntimeError, match="hardly trains"):
        rate(seen, 124, 140)


def test_a_name_is_counted_once_wherever_the_stream_is_cut():
    stream = b"event: hello\ndata: {}\n\n" + b"event: state\ndata: {}\n\n" * 3
    for size in range(1, len(stream)):
        viewer = Viewer()
        for at in range(0, len(stream), size):
            viewer.take(stream[at : at + size])
        assert (viewer.hellos, viewer.states, viewer.received) == (1, 3, len(stream))


def test_a_crowd_sees_what_a_page_tells(tmp_path: Path):
    state.status(tmp_path, round=1)
    with served([tmp_path]) as page:
        with crowd(page.port, 5) as watching:
            state.status(tmp_path, round=2, step=4)
            time.sleep(1)
        assert watching.states >= 1
        assert watching.received > 5 * 200
        with crowd(page.port, 0) as nobody:
            assert nobody.process is None
    with pytest.raises(RuntimeError, match="could not watch"), crowd(page.port, 1):
        pass
