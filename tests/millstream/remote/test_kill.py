"""Killed by SIGKILL in the middle of an upload or of a restore: a round is whole, or it is not."""

from __future__ import annotations

import shutil
import signal
from pathlib import Path

import pytest

from millstream.remote.objects import ObjectStore
from millstream.remote.restore import list_state, restore

from .rounds import add_round, files_of, mirrored, rounds_of
from .server import Proxy
from .service import open_and_save

SAVE = {
    "save.file:9": 1,
    "save.after:2": 2,
}
"""Point, and how many of three rounds are in the store then."""


@pytest.mark.parametrize("fault", SAVE)
def test_killed_while_it_saves(
    objects: ObjectStore, proxy: Proxy, tmp_path: Path, fault: str
) -> None:
    for number in range(3):
        add_round(tmp_path / "a", number)
    code = open_and_save(objects.address, tmp_path / "a", fault, proxy.environment)
    assert code == -signal.SIGKILL
    with mirrored(objects, tmp_path / "b", seconds=0.2):
        there = rounds_of(tmp_path / "b")
        assert len(there) == SAVE[fault]
    # The disk is lost: what the store does not have is read again, and comes out otherwise.
    for number in range(len(there), 3):
        add_round(tmp_path / "b", number, weights=b"another window", published=False)
    with mirrored(objects, tmp_path / "b", seconds=0.2) as mirror:
        mirror.save()
    with mirrored(objects, tmp_path / "c", seconds=0.2):
        assert files_of(tmp_path / "c") == files_of(tmp_path / "b")
    check_no_leftovers(objects, tmp_path / "c")


def test_killed_while_it_restores(objects: ObjectStore, proxy: Proxy, tmp_path: Path) -> None:
    for number in range(3):
        add_round(tmp_path / "a", number)
    with mirrored(objects, tmp_path / "a") as mirror:
        mirror.save()
    code = open_and_save(objects.address, tmp_path / "b", "restore.file:10", proxy.environment)
    assert code == -signal.SIGKILL
    assert len(rounds_of(tmp_path / "b")) < 3
    assert open_and_save(objects.address, tmp_path / "b", "", proxy.environment) == 0
    assert len(rounds_of(tmp_path / "b")) == 3
    (tmp_path / "b" / "history" / ".000001-train.arrow.1.2.tmp").write_bytes(b"of a kill")
    restore(objects, list_state(objects), tmp_path / "b")
    for path in (tmp_path / "b" / "recipes").glob(".*.tmp"):
        path.unlink()  # what a kill leaves of a file has a name of its own
    assert files_of(tmp_path / "b") == files_of(tmp_path / "a")


def check_no_leftovers(objects: ObjectStore, state_dir: Path) -> None:
    """The store has one object for each file, and the manifests."""
    found = [*objects.sizes("rounds"), *objects.sizes("history")]
    places = [key.rpartition(".")[0] for key in found if len(key.rpartition(".")[2]) == 64]
    assert len(places) == len(set(places))
    assert set(places) == {
        place
        for place in files_of(state_dir)
        if not place.endswith("published.json") and not place.startswith("recipes")
    }
    shutil.rmtree(state_dir)
