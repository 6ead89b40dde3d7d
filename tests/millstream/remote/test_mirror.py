"""A round that the store holds can be had again, bit for bit; one that it does not hold is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from millstream.errors import RoundStoreError
from millstream.remote.objects import ObjectStore
from millstream.rounds.store import RoundStore

from ..old_state import copied
from .rounds import add_round, files_of, mirrored, rounds_of


def test_a_lost_folder_comes_back_bit_for_bit(objects: ObjectStore, tmp_path: Path) -> None:
    for number in range(3):
        add_round(tmp_path / "a", number)
    with mirrored(objects, tmp_path / "a") as mirror:
        assert not mirror.holds(rounds_of(tmp_path / "a")[0])
        mirror.save()
        assert all(map(mirror.holds, rounds_of(tmp_path / "a")))
    with mirrored(objects, tmp_path / "b"):
        assert files_of(tmp_path / "b") == files_of(tmp_path / "a")
        assert len(rounds_of(tmp_path / "b")) == 3


def test_a_folder_of_an_older_format_is_brought_there_as_it_is(
    objects: ObjectStore, tmp_path: Path
) -> None:
    """Its markers have no digests but that of the weights, and say nothing of the round before."""
    state_dir = copied(tmp_path / "old").state_dir
    with mirrored(objects, state_dir) as mirror:
        mirror.save()
    with mirrored(objects, tmp_path / "b"):
        assert files_of(tmp_path / "b") == files_of(state_dir)


def test_what_happens_meanwhile_comes_too(objects: ObjectStore, tmp_path: Path) -> None:
    with mirrored(objects, tmp_path / "a") as mirror:
        for number in range(2):
            add_round(tmp_path / "a", number, published=number == 0)
            mirror.save()
    with mirrored(objects, tmp_path / "b") as mirror:
        folder = rounds_of(tmp_path / "b")[1]
        assert not folder.is_published
        folder.write_published({"version": 1, "promoted": True, "reason": ""})
        add_round(tmp_path / "b", 2)
        mirror.save()
    with mirrored(objects, tmp_path / "a"):
        assert files_of(tmp_path / "b") == files_of(tmp_path / "a")


def test_rounds_are_pruned_there_as_here(objects: ObjectStore, tmp_path: Path) -> None:
    for number in range(5):
        add_round(tmp_path / "a", number)
    with mirrored(objects, tmp_path / "a") as mirror:
        mirror.save()
        assert RoundStore(tmp_path / "a" / "rounds").prune(2, set()) == [0, 1, 2]
        (tmp_path / "a" / "history" / "000001-train.arrow").unlink()
        (tmp_path / "a" / "history" / "000002-train.arrow").unlink()
        mirror.prune()
        keys = set(objects.sizes("rounds")) | set(objects.sizes("history"))
        assert [key for key in keys if "/00000" in key and "weights" in key] != []
        assert not any(key.startswith("rounds/000001/weights") for key in keys)
        assert not any(key.startswith("history/000002") for key in keys)
        assert any(key.startswith("history/000000") for key in keys)
    with mirrored(objects, tmp_path / "b"):
        assert files_of(tmp_path / "b") == files_of(tmp_path / "a")
        assert [folder.pruned for folder in rounds_of(tmp_path / "b")] == [True] * 3 + [False] * 2


def test_rounds_that_the_store_has_otherwise_are_set_aside(
    objects: ObjectStore, tmp_path: Path
) -> None:
    """A service lost its lease with a round that it could not save; another went on meanwhile."""
    with mirrored(objects, tmp_path / "a") as mirror:
        add_round(tmp_path / "a", 0)
        mirror.save()
    with mirrored(objects, tmp_path / "b") as mirror:
        add_round(tmp_path / "b", 1, weights=b"of another window")
        mirror.save()
    add_round(tmp_path / "a", 1, published=False)
    add_round(tmp_path / "a", 2, published=False)
    with mirrored(objects, tmp_path / "a"):
        assert files_of(tmp_path / "a")["rounds/000001/weights.npz"] == b"of another window"
        assert len(rounds_of(tmp_path / "a")) == 2
    assert len(list((tmp_path / "a" / "set-aside").iterdir())) == 2


def test_published_rounds_are_never_set_aside(objects: ObjectStore, tmp_path: Path) -> None:
    for number in range(2):
        add_round(tmp_path / "a", number)
        add_round(tmp_path / "b", number, weights=b"another state")
    with mirrored(objects, tmp_path / "a") as mirror:
        mirror.save()
    before = files_of(tmp_path / "b")
    with pytest.raises(RoundStoreError, match=r"expected the rounds of s3://.* from 000000 on"):
        mirrored(objects, tmp_path / "b").__enter__()
    assert files_of(tmp_path / "b") == before
