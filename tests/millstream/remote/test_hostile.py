"""What folders and buckets hold beside what was put there, and who writes that should not."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace

import pytest

from millstream import outbox
from millstream.board import Board
from millstream.errors import BusyError, ObjectStoreError, RoundStoreError
from millstream.outbox import deliver
from millstream.reach import Reach
from millstream.remote.lease import Holder, Lease
from millstream.remote.manifest import Manifest, Saved, manifest_key, outcome_key
from millstream.remote.mirror import StoreMirror
from millstream.remote.objects import ObjectStore
from millstream.remote.restore import list_state, restore
from millstream.round_store import RoundFolder, RoundStore

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


def test_what_others_have_in_the_bucket_stays(objects: ObjectStore, tmp_path: Path) -> None:
    """Another state below this one, one whose prefix begins like this one's, and plain files."""
    nested = ObjectStore(f"{objects.address}/history")
    beside = ObjectStore(f"{objects.address}2")
    for other in (nested, beside):
        with mirrored(other, tmp_path / other.address.rsplit("/", 1)[1]) as mirror:
            add_round(tmp_path / other.address.rsplit("/", 1)[1], 0)
            mirror.save()
    foreign = ["history/README.txt", "rounds/000001/notes.txt", "rounds/", "lease/", "lease/a.json"]
    for key in [*foreign, "history/", "lease/7.json"]:
        objects.write(key, b"x")
    before = {other.address: list_state(other) for other in (nested, beside)}
    for number in range(4):
        add_round(tmp_path / "a", number)
    with mirrored(objects, tmp_path / "a") as mirror:
        mirror.save()
        assert RoundStore(tmp_path / "a" / "rounds").prune(1, set()) == [0, 1, 2]
        for number in (1, 2):
            (tmp_path / "a" / "history" / f"{number:06d}-train.arrow").unlink()
        mirror.prune()
    for other in (nested, beside):
        assert list_state(other) == before[other.address]
    assert set(foreign) <= {*objects.sizes("rounds"), *objects.sizes("history")} | {
        *objects.sizes("lease")
    }
    with mirrored(objects, tmp_path / "b"):
        assert files_of(tmp_path / "b") == files_of(tmp_path / "a")


def test_an_object_of_another_size_is_not_fetched(
    objects: ObjectStore, proxy: Proxy, tmp_path: Path
) -> None:
    add_round(tmp_path / "a", 0)
    with mirrored(objects, tmp_path / "a") as mirror:
        mirror.save()
    key = next(key for key in list_state(objects) if "weights" in key)
    objects.write(key, b"x" * 1_000_000)
    proxy.seen.clear()
    with pytest.raises(RoundStoreError, match=r"weights\.npz\.\w+, which has 1000000 bytes, not 9"):
        restore(objects, list_state(objects), tmp_path / "b")
    assert not any(one.method == "GET" and "weights" in one.path for one in proxy.seen)


@pytest.mark.parametrize(
    "place",
    [
        "rounds/000001/../../x",
        "/etc/passwd",
        "../x",
        "rounds/000000/weights.npz",
        "rounds/000001/.hidden",
        "rounds/000001/SAVED",
        "rounds/000001/published.json",
        "rounds/000001/a/b",
        "history/a\n",
        "lock",
    ],
)
def test_a_manifest_names_files_of_its_round_only(tmp_path: Path, place: str) -> None:
    marker = {"rounds/000001/DONE": Saved("0" * 64, 1)}
    good = Manifest(1, marker)
    assert Manifest.parse(1, good.encode()) == good
    for bad in (
        Manifest(1, {**marker, place: Saved("0" * 64, 1)}),
        Manifest(1, {"rounds/000001/DONE": Saved("0" * 64, -1)}),
        Manifest(1, {}),
    ):
        with pytest.raises(RoundStoreError, match="rounds/000001/SAVED: expected"):
            Manifest.parse(1, bad.encode())


def test_more_than_a_page_of_objects(objects: ObjectStore) -> None:
    """S3 lists a thousand at a time."""
    for number in range(3):
        objects.write(f"rounds/{number:06d}/SAVED", b"")
    with pytest.MonkeyPatch.context() as patch:
        asked: list[int] = []
        call = objects._files._call_s3

        async def two_at_a_time(method: str, *rest: object, **given: object) -> object:
            if method == "list_objects_v2":
                asked.append(1)
                given["MaxKeys"] = 2
            return await call(method, *rest, **given)

        patch.setattr(objects._files, "_call_s3", two_at_a_time)
        assert len(objects.sizes("rounds")) == 3
        assert len(asked) == 2


def test_errors_hold_no_password(objects: ObjectStore, monkeypatch: pytest.MonkeyPatch) -> None:
    """Clients name the endpoint or the proxy on the way as they were told it."""

    def fail(path: str) -> bytes:
        raise OSError("cannot reach http://user:hidden-word@proxy.test:9/")

    monkeypatch.setattr(objects._files, "cat_file", fail)
    with pytest.raises(ObjectStoreError, match=r"\*\*\*@proxy\.test:9") as caught:
        objects.read("rounds")
    assert "hidden-word" not in str(caught.value)


def test_an_answer_that_is_none_of_s3_is_a_store_that_is_away(
    objects: ObjectStore, proxy: Proxy, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A proxy on the way may answer with a page of its own."""
    monkeypatch.setattr("tests.millstream.remote.server.PAGE", b"<html><br>Sign in")
    proxy.answer = lambda asked: 200
    with pytest.raises(ObjectStoreError, match="cannot list lease"):
        objects.sizes("lease")
    proxy.answer = lambda asked: None


def test_large_files_are_not_in_memory_in_many_parts(objects: ObjectStore) -> None:
    """Sixteen rounds come at a time; each file of them is streamed."""
    assert objects._files.max_concurrency == 1


def test_a_lease_knows_its_own_names(objects: ObjectStore) -> None:
    objects.write("lease", b"x")
    objects.write("lease/000009.txt", b"x")
    lease = lease_of(objects, "a")
    lease.confirm()
    assert "lease/000001.json" in objects.sizes("lease")
