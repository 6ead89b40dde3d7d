"""One service at a time: who comes second is refused, or takes over from one that is gone."""

from __future__ import annotations

import threading
import time
from pathlib import Path

import pytest

from millstream.errors import BusyError, ObjectStoreError, RoundStoreError
from millstream.remote.lease import Holder, Lease, holding
from millstream.remote.mirror import StoreMirror
from millstream.remote.objects import ObjectStore

from .rounds import add_round, files_of, mirrored, rounds_of


def lease_of(objects: ObjectStore, folder: str, seconds: float = 0.4) -> Lease:
    """One that nobody renews."""
    return Lease(objects, Holder(f"owner of {folder}", folder, f"host-{folder}", 7, seconds))


def test_a_second_service_is_told_who_holds_the_address(
    objects: ObjectStore, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
    with (
        holding(objects, tmp_path / "a", 2.0),
        pytest.raises(BusyError, match=r"held by process \d+ of host .*alive; stop it"),
        holding(objects, tmp_path / "b", 2.0),
    ):
        pass
    with holding(objects, tmp_path / "b", 2.0) as lease:  # the first one released it
        lease.confirm()


def test_one_that_is_gone_is_taken_over_and_learns_it(objects: ObjectStore) -> None:
    first, second = lease_of(objects, "a"), lease_of(objects, "b")
    first.take()
    second.take()
    with pytest.raises(BusyError, match="taken over by process 7 of host host-b"):
        first.confirm()
    first.renew()
    first.release()  # it has nothing to release
    second.confirm()
    again = lease_of(objects, "b", seconds=60.0)  # its own folder: nobody else can be there
    again.take()


def test_of_some_that_take_over_at_once_one_has_it(objects: ObjectStore) -> None:
    lease_of(objects, "gone").take()
    had: list[Lease] = []
    refused: list[int] = []

    def take(number: int) -> None:
        lease = lease_of(objects, f"{number}", seconds=2.0)
        try:
            lease.take()
        except BusyError:
            refused.append(number)
            return
        had.append(lease)
        until = time.monotonic() + 60
        while len(refused) < 3 and time.monotonic() < until:
            lease.renew()

    threads = [threading.Thread(target=take, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(had) == 1
    had[0].confirm()


def test_both_at_work_one_gets_the_round(objects: ObjectStore, tmp_path: Path) -> None:
    """A service that was cut off goes on with a round, and finds that another has made it."""
    add_round(tmp_path / "a", 0)
    with mirrored(objects, tmp_path / "a") as mirror:
        mirror.save()
    (tmp_path / "b").mkdir()
    with holding(objects, tmp_path / "b", 60.0) as lease:
        late = StoreMirror(objects, lease, tmp_path / "b", 10)
        early = StoreMirror(objects, lease, tmp_path / "a", 10)
        add_round(tmp_path / "a", 1, published=False)
        add_round(tmp_path / "b", 1, weights=b"others", published=False)
        early.save()
        with pytest.raises(RoundStoreError, match="expected no rounds/000001/SAVED"):
            late.save()
        assert not late.holds(rounds_of(tmp_path / "b")[1])
    with mirrored(objects, tmp_path / "c"):
        assert files_of(tmp_path / "c") == files_of(tmp_path / "a")


def test_who_lost_the_address_saves_nothing(objects: ObjectStore, tmp_path: Path) -> None:
    add_round(tmp_path / "a", 0)
    first = lease_of(objects, "a")
    first.take()
    mirror = StoreMirror(objects, first, tmp_path / "a", 10)
    lease_of(objects, "b").take()
    with pytest.raises(BusyError, match="taken over"):
        mirror.save()
    assert not any("SAVED" in key for key in objects.sizes("rounds"))


def test_a_store_that_replaces_what_it_is_to_create_is_refused(
    objects: ObjectStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Some old S3-compatible stores ignore the condition."""
    files = objects._files
    write = files.pipe_file
    monkeypatch.setattr(files, "pipe_file", lambda path, data, mode=None: write(path, data))
    with pytest.raises(ObjectStoreError, match="refuses to create an object that is there"):
        lease_of(objects, "a").take()
