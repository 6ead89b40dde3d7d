"""Small rounds, and the mirror that a test keeps of them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from millstream.remote.lease import holding
from millstream.remote.mirror import StoreMirror
from millstream.remote.objects import ObjectStore
from millstream.rounds.seal import file_digest
from millstream.rounds.store import RoundFolder, RoundStore

from ..test_round_store import make_plan


def add_round(
    state_dir: Path, number: int, *, weights: bytes = b"", published: bool = True
) -> None:
    """A round with a history of two segments, one of which all rounds share."""
    store, history = RoundStore(state_dir / "rounds"), state_dir / "history"
    history.mkdir(parents=True, exist_ok=True)
    (state_dir / "recipes").mkdir(exist_ok=True)
    (state_dir / "recipes" / "abc.json").write_bytes(b"{}")
    folder = store.begin(make_plan(number, max(0, 10 * (number - 1)), 10 * number))
    folder.weights.write_bytes(weights or b"weights %d" % number)
    folder.test_rows.write_bytes(b"rows %d" % number)
    names = ["000000-train", f"{number:06d}-train"][: number + 1]
    for name in names:
        if not (history / f"{name}.arrow").exists():
            (history / f"{name}.arrow").write_bytes(name.encode() + weights)
    digests = {name: file_digest(history / f"{name}.arrow") for name in names}
    folder.write_history({"train": {"segments": names, "sha256": digests}})
    folder.write_report({"round": number, "history": {}})
    folder.mark_done(file_digest(folder.weights))
    if published:
        folder.write_published({"version": number, "promoted": False, "reason": "test"})


def rounds_of(state_dir: Path) -> list[RoundFolder]:
    """Those that are complete, each checked byte for byte."""
    store = RoundStore(state_dir / "rounds")
    if (state_dir / "rounds").exists():
        store.check_chain()
    for folder in store.complete():
        folder.check()
    return store.complete()


def files_of(state_dir: Path) -> dict[str, bytes]:
    """Path and content of all that a store is to give back."""
    return {
        str(path.relative_to(state_dir)): path.read_bytes()
        for part in ("rounds", "history", "recipes")
        for path in sorted((state_dir / part).rglob("*"))
        if path.is_file()
    }


@contextmanager
def mirrored(
    objects: ObjectStore, state_dir: Path, most: int = 10, seconds: float = 60.0
) -> Iterator[StoreMirror]:
    """The mirror of a folder, as a service has it."""
    state_dir.mkdir(parents=True, exist_ok=True)
    with holding(objects, state_dir, seconds) as lease:
        yield StoreMirror(objects, lease, state_dir, most)
