"""What cannot be used is refused by name: addresses, credentials, damaged and foreign objects."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from millstream.errors import ObjectStoreError, RoundStoreError
from millstream.remote.address import check_state_dir
from millstream.remote.manifest import Manifest, Saved
from millstream.remote.objects import ObjectStore
from millstream.remote.restore import list_state, restore
from millstream.rounds.seal import seal

from .rounds import add_round, files_of, mirrored
from .server import Proxy


@pytest.mark.parametrize(
    ("given", "wrong"),
    [
        ("s3://bucket", "a prefix after the bucket"),
        ("s3://bucket/", "a prefix after the bucket"),
        ("s3://bucket/a//b", "a prefix after the bucket"),
        ("s3://bucket/a/../b", "a prefix after the bucket"),
        ("s3://bucket/a?versionId=1", "a prefix after the bucket"),
        ("s3://key:secret@bucket/a", "without user, password or options"),
        ("http://bucket/a", 'or "s3://bucket/prefix" or "gs://bucket/prefix"'),
        ("file:///tmp/a", 'or "s3://bucket/prefix" or "gs://bucket/prefix"'),
    ],
)
def test_addresses(given: str, wrong: str) -> None:
    with pytest.raises(ValueError, match=re.escape(wrong)):
        check_state_dir(given)


def test_addresses_that_fit() -> None:
    for given in ("s3://bucket/a", "gs://my.bucket/a/b-c_1", ".millstream", "/var/lib/state"):
        assert check_state_dir(given) == given
    assert check_state_dir("s3://bucket/a/") == "s3://bucket/a"


def refusal(address: str, state_dir: Path) -> str:
    with pytest.raises(ObjectStoreError) as caught, mirrored(ObjectStore(address), state_dir):
        pass
    return str(caught.value)


def test_a_start_says_why_the_store_refuses(
    address: str, proxy: Proxy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "create the bucket" in refusal("s3://no-such-bucket/state", tmp_path)
    proxy.answer = lambda asked: 403
    assert "must allow to list, read, write and delete" in refusal(address, tmp_path)
    proxy.answer = lambda asked: 500
    assert "see that it can be reached" in refusal(address, tmp_path)
    monkeypatch.setenv("AWS_ENDPOINT_URL", "http://127.0.0.1:9")
    assert "AWS_ENDPOINT_URL names an S3-compatible store" in refusal(address, tmp_path)
    monkeypatch.delenv("AWS_ACCESS_KEY_ID")
    monkeypatch.delenv("AWS_SECRET_ACCESS_KEY")
    assert "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY" in refusal(address, tmp_path)


def test_a_full_disk_is_not_the_store(objects: ObjectStore) -> None:
    objects.write("rounds/a", b"x")
    with pytest.raises(ObjectStoreError, match=r"No space left on device; .* make room for"):
        objects.download("rounds/a", Path("/dev/full"))


def manifest_that_names(place: str) -> bytes:
    return Manifest(1, {place: Saved("0" * 64, 1)}).encode()


HARMS = (
    ("000001/weights", b"weights X", r"expected SHA-256 \w{12}, got \w{12}; restore the object"),
    ("000001-train", b"000001-traiX", r"history/000001-train.arrow.*expected SHA-256"),
    ("000001/published", b"{", r"s3://.*published.json: .*expected a readable JSON object"),
    ("000001/SAVED", b"{}", r"SAVED: expected what has the seal"),
    ("000001/SAVED", seal({"format": 9}), r"SAVED: expected format 1, got 9"),
    ("000001/SAVED", manifest_that_names("rounds/000001/../../x"), r"expected files of a state"),
    ("000000/SAVED", manifest_that_names("recipes/a"), "expected round 0, got 1"),
    ("000001/weights", None, r"SAVED names rounds/000001/weights\.npz\.\w+, which is not there"),
    ("000001-train", None, r"SAVED names history/000001-train\.arrow\.\w+, which is not there"),
    ("000000/SAVED", None, "expected rounds/000000/SAVED, got none, but rounds/000001/SAVED"),
)
"""Of which object, what is there instead, and what is told."""


def test_objects_that_are_not_as_they_were_written(objects: ObjectStore, tmp_path: Path) -> None:
    for number in range(2):
        add_round(tmp_path / "a", number)
    with mirrored(objects, tmp_path / "a") as mirror:
        mirror.save()
    for number, (part, content, told) in enumerate(HARMS):
        key = next(key for key in list_state(objects) if part in key)
        before = objects.read(key)
        if content is None:
            objects.remove(key)
        else:
            objects.write(key, content)
        state_dir = tmp_path / f"{number}"
        with pytest.raises(RoundStoreError, match=told):
            restore(objects, list_state(objects), state_dir)
        assert "rounds/000001/DONE" not in files_of(state_dir)
        objects.write(key, before)
    restore(objects, list_state(objects), tmp_path / "b")
    assert files_of(tmp_path / "b") == files_of(tmp_path / "a")
