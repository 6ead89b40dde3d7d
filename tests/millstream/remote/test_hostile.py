"""Services that go on though they should not, and folders that are not as rounds left them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from millstream.errors import BusyError, RoundStoreError
from millstream.publishing import outbox
from millstream.publishing.outbox import deliver
from millstream.reach import Reach
from millstream.remote.lease import Holder, Lease
from millstream.remote.manifest import manifest_key, outcome_key
from millstream.remote.mirror import StoreMirror
from millstream.remote.objects import ObjectStore
from millstream.rounds.store import RoundFolder, RoundStore
from millstream.watch.board import Board

from .rounds import add_round, files_of, mirrored, rounds_of
from .server import Proxy


def lease_of(objects: ObjectStore, folder: str, seconds: float = 0.4) -> Lease:
    """One that nobody renews."""
    lease = Lease(objects, Holder(f"owner of {folder}", folder, f"host-{folder}", 7, seconds))
    lease.take()
    return lease


def pipeline_of(mirror: StoreMirror, state_dir: Path, max_waiting: int = 100) -> SimpleNamespace:
    """What the outbox needs of it."""
    return SimpleNamespace(
        config=SimpleNamespace(registry=SimpleNamespace(max_waiting=max_waiting)),
        store=RoundStore(state_dir / "rounds"),
        reach=Reach(),
        board=Board(None),
        learner=SimpleNamespace(model=None),
        is_chief=True,
        mirror=mirror,
    )


def publishing(monkeypatch: pytest.MonkeyPatch, then: Callable[[], object] = int) -> list[int]:
    """The rounds that are published, and what happens after each."""
    taken: list[int] = []

    def publish(pipeline: SimpleNamespace, folder: RoundFolder) -> None:
        taken.append(folder.number)
        folder.write_published({"version": folder.number, "promoted": True, "reason": ""})
        then()

    monkeypatch.setattr(outbox, "publish_round", publish)
    monkeypatch.setattr(outbox, "track_rounds", lambda pipeline: None)
    monkeypatch.setattr("trainer.load", lambda model, weights: None)
    return taken


def test_who_was_stopped_and_replaced_publishes_nothing_more(
    objects: ObjectStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its rounds are in the store already, so only the lease says that they are another's now."""
    for number in range(3):
        add_round(tmp_path / "a", number, published=number == 0)
    mirror = StoreMirror(objects, lease_of(objects, "a"), tmp_path / "a", 10)
    mirror.save()
    taken = publishing(monkeypatch, then=lambda: lease_of(objects, "b"))
    with pytest.raises(BusyError, match="taken over by process 7 of host host-b"):
        deliver(pipeline_of(mirror, tmp_path / "a"))
    assert taken == [1]
    with pytest.raises(BusyError, match="taken over"):
        deliver(pipeline_of(mirror, tmp_path / "a"))
    assert taken == [1]
    assert outcome_key(1) not in objects.sizes("rounds")


def test_while_nobody_knows_who_holds_the_address_nothing_is_published(
    objects: ObjectStore, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    add_round(tmp_path / "a", 0)
    add_round(tmp_path / "a", 1, published=False)
    with mirrored(objects, tmp_path / "a") as mirror:
        mirror.save()
        taken = publishing(monkeypatch)
        proxy.answer = lambda asked: 503
        deliver(pipeline_of(mirror, tmp_path / "a"))
        assert taken == []
        assert "cannot list lease" in mirror.why
        proxy.answer = lambda asked: None


def test_who_was_replaced_leaves_the_outcomes_of_the_other(
    objects: ObjectStore, tmp_path: Path
) -> None:
    """A published folder is on its way to the store; another service has its next round there."""
    add_round(tmp_path / "a", 0)
    first = lease_of(objects, "a")
    slow = StoreMirror(objects, first, tmp_path / "a", 10)
    slow.save()
    second = lease_of(objects, "b")
    mirror = StoreMirror(objects, second, tmp_path / "b", 10)
    add_round(tmp_path / "b", 1, weights=b"of b")
    mirror.save()
    outcome = objects.read(outcome_key(1))
    add_round(tmp_path / "a", 1)
    (tmp_path / "a/rounds/000001/published.json").write_bytes(b'{"version": 99}')
    with pytest.raises(BusyError, match="taken over"):
        slow.save()
    assert objects.read(outcome_key(1)) == outcome


def test_the_first_outcome_of_a_round_stays(objects: ObjectStore, tmp_path: Path) -> None:
    """One that was stopped before it noted what became of a round, which another has done since."""
    for number in range(2):
        add_round(tmp_path / "a", number, published=number == 0)
    slow = StoreMirror(objects, lease_of(objects, "a"), tmp_path / "a", 10)
    slow.save()
    mirror = StoreMirror(objects, lease_of(objects, "b"), tmp_path / "b", 10)
    RoundFolder(tmp_path / "b/rounds/000001").write_published({"version": 1})
    mirror.save()
    RoundFolder(tmp_path / "a/rounds/000001").write_published({"version": None})
    slow.save()
    assert b'"version": 1' in objects.read(outcome_key(1))


def test_a_round_that_the_store_lacks_is_not_given_up(
    objects: ObjectStore, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    publishing(monkeypatch)
    add_round(tmp_path / "a", 0)
    with mirrored(objects, tmp_path / "a") as mirror:
        mirror.save()
        for number in range(1, 4):
            add_round(tmp_path / "a", number, published=False)
        proxy.answer = lambda asked: 503
        deliver(pipeline_of(mirror, tmp_path / "a", max_waiting=1))
        assert [f.is_published for f in rounds_of(tmp_path / "a")] == [True, False, False, False]
        proxy.answer = lambda asked: None


def test_a_folder_that_was_published_without_a_store_is_brought_there(
    objects: ObjectStore, tmp_path: Path
) -> None:
    """Publication writes reports beside the files of the marker, and people leave things there."""
    add_round(tmp_path / "a", 0)
    before = files_of(tmp_path / "a")
    folder = tmp_path / "a/rounds/000000"
    for name in ("rungs.json", "pareto.png", "my notes (2).txt"):
        (folder / name).write_bytes(b"{}")
    (folder / "folder").mkdir()
    with mirrored(objects, tmp_path / "a") as mirror:
        mirror.save()
        assert mirror.holds(RoundFolder(folder))
    with mirrored(objects, tmp_path / "b"):
        assert before.items() <= files_of(tmp_path / "b").items()
        assert "rounds/000000/my notes (2).txt" not in files_of(tmp_path / "b")


@pytest.mark.parametrize(
    ("place", "content"),
    [
        ("rounds/000001/test.arrow", None),
        ("history/000001-train.arrow", None),
        ("history/000001-train.arrow", b"000001-trais"),
    ],
)
def test_a_damaged_folder_is_not_taken_for_a_whole_round(
    objects: ObjectStore, tmp_path: Path, place: str, content: bytes | None
) -> None:
    for number in range(2):
        add_round(tmp_path / "a", number)
    path = tmp_path / "a" / place
    path.unlink()
    if content is not None:
        path.write_bytes(content)
    with (
        pytest.raises(RoundStoreError, match=f"{place}: expected"),
        mirrored(objects, tmp_path / "a") as mirror,
    ):
        mirror.save()
    assert manifest_key(1) not in objects.sizes("rounds")
    assert not mirror.why
