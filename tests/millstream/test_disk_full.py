"""A full disk: who only tells does not stop the service, and whoever ends says so in a line."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from millstream.cli.app import exit_code, in_words
from millstream.durable import read_as, write_bytes
from millstream.watch.board import Board, LiveState

FULL = Path("/dev/full")
needs_full = pytest.mark.skipif(not FULL.exists(), reason="/dev/full is not here: Linux has it")


def make_full(path: Path) -> Path:
    """Let the next write of a file find no room; the part that it would leave."""
    part = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    part.symlink_to(FULL)
    return part


@needs_full
def test_a_write_without_room_leaves_the_old_file_and_no_part(tmp_path: Path) -> None:
    path = tmp_path / "a"
    write_bytes(path, b"old")
    part = make_full(path)
    with pytest.raises(OSError, match="No space left"):
        write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert not part.is_symlink()
    write_bytes(path, b"new")
    assert path.read_bytes() == b"new"


@needs_full
def test_a_status_that_cannot_be_written_is_told_once_and_written_later(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    path = tmp_path / "status.json"
    board = Board(path)
    for number in (1, 2):
        make_full(path)
        board.update(round=number)
        board.save()
    (record,) = caplog.records
    assert record.getMessage() == f"the status is not up to date: {path}: No space left on device"
    board.save()
    state = read_as(path, LiveState)
    assert state is not None
    assert state.round == 2


def test_the_end_of_a_service_without_room_is_a_line_for_people() -> None:
    error = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert exit_code(error) == 1
    assert in_words(error).startswith("the disk is full ([Errno 28] No space left on device); make")
    assert exit_code(OSError(errno.EIO, "I/O")) is None
