"""What a bucket holds beside what was put there, and answers that are none."""

from __future__ import annotations

from pathlib import Path

import pytest

from millstream.errors import ObjectStoreError, RoundStoreError
from millstream.remote.lease import Holder, Lease
from millstream.remote.manifest import Manifest, Saved
from millstream.remote.objects import ObjectStore
from millstream.remote.restore import list_state, restore
from millstream.rounds.store import RoundStore

from .rounds import add_round, files_of, mirrored
from .server import Proxy


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
    lease = Lease(objects, Holder("owner", "a", "host", 7, 0.4))
    lease.take()
    lease.confirm()
    assert "lease/000001.json" in objects.sizes("lease")
