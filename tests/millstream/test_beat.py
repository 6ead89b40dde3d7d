"""The heartbeat of a worker: what it says, and what counts as silence."""

from __future__ import annotations

import os

import pytest

from millstream.errors import WorkersError
from millstream.workers.beat import Beat, beating, is_up, unhurried


def test_what_was_said_before_holds_after_the_unhurried(tmp_path):
    file = tmp_path / "beat"
    beat = Beat(file)
    with beating(file, tmp_path / "log", os.getppid()):
        assert beat.is_starting()
        with unhurried(file):
            assert (beat.is_starting(), beat.is_unhurried()) == (False, True)
        assert beat.is_starting()
        is_up(file)
        with unhurried(file):
            assert beat.is_unhurried()
        assert (beat.is_starting(), beat.is_unhurried()) == (False, False)
    is_up(file)
    assert not beat.is_there()


def test_a_pause_of_all_is_no_silence(tmp_path):
    now = [0.0]
    file = tmp_path / "beat"
    beat = Beat(file, lambda: now[0])
    assert not beat.is_there()
    file.touch()
    assert beat.silence() == 0.0
    assert beat.is_there()
    now[0] = 1_000.0
    assert beat.silence() == 1.0, "nobody looked in between"
    for _ in range(20):
        now[0] += 0.5
        beat.silence()
    assert beat.silence() == 11.0
    os.utime(file, ns=(1, 1))
    assert beat.silence() == 0.0, "any other time is a beat, an earlier one, too"


def test_a_worker_whose_supervisor_is_gone_does_not_begin(tmp_path):
    with (
        pytest.raises(WorkersError, match="process 1, which looks after this worker, is gone"),
        beating(tmp_path / "beat", tmp_path / "log", parent=1),
    ):
        raise AssertionError("it began")
    assert not (tmp_path / "beat").exists()
