"""The past: long-lived samples of the three sides, from the first round on.

What a round learns again comes from the one of the training side; the other two are an old holdout,
which is never trained on. A record's side is decided in the round that it came with, so a change of
seed, of holdout share or of policy moves none from one side to another.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest import (
    TRAIN,
    History,
    HistoryState,
    IngestError,
    PastSettings,
    Rows,
    SampleSettings,
    Schema,
    Segments,
    Window,
    Workers,
)
from millstream.durable import make_folder
from millstream.errors import RoundStoreError
from millstream.fault import fault_point
from millstream.rounds.store import RoundFolder, RoundStore

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

__all__ = ["Past"]

NAMES = ("train", "validation", "test")


class Past:
    """The histories of one state folder, as they were after the round that was asked for last.

    They stay in memory from one round to the next. A round that was abandoned leaves no trace: what
    the next one begins with is then read again from the files of its parent.

    Args:
        settings: say how the histories are made; there are none without `settings.past`.
        schema: of the rows.
        topics: that are read now.
        folder: of the segments; made when the first one is written.
        workers: each has the rows of its own partitions, and they call all but `prune` alike; None
            for a single one.
    """

    def __init__(
        self,
        settings: SampleSettings,
        schema: Schema,
        topics: tuple[str, ...],
        folder: Path,
        workers: Workers | None = None,
    ) -> None:
        self._settings, self._schema, self._topics = settings, schema, topics
        self._workers = workers
        self._folder, self._segments = folder, Segments(folder)
        self._number: int | None = None
        self._histories: tuple[History, ...] = ()

    @property
    def is_kept(self) -> bool:
        """Whether there are histories at all."""
        return self._settings.past is not None

    def rows(self, folder: RoundFolder) -> int:
        """Rows of the training side's history, after a round."""
        return len(self._after(folder)[TRAIN]) if self.is_kept else 0

    def recall(
        self, folder: RoundFolder, count: int, seed: int, epoch: int
    ) -> tuple[Rows, NDArray[np.float64]]:
        """Some rows of the training side's history, after a round; see `History.recall`.

        Returns:
            The rows, with words that have no codes yet, and what each stands for, float64[n].
        """
        return self._after(folder)[TRAIN].recall(count, seed, epoch)

    def holdout(self, folder: RoundFolder) -> Rows | None:
        """The old holdout, after a round, with words that have no codes yet; None if none is kept.

        Both halves of it, each a uniform sample.
        """
        if not self.is_kept:
            return None
        return Rows.concat([history.sample() for history in self._after(folder)[TRAIN + 1 :]])

    def save(self, parent: RoundFolder, folder: RoundFolder, window: Window | None) -> None:
        """Write down the past after a round, durably: segments, then `history.json`.

        Args:
            parent: of the round.
            folder: of the round.
            window: of the round; None adds none of its rows.
        """
        if not self.is_kept:
            return
        histories, self._number = self._after(parent), None
        for history, rows in zip(histories, window.past if window else (), strict=False):
            history.offer(rows)
        make_folder(self._folder)
        workers = self._workers
        own = f"-{workers.rank}" if workers and workers.size > 1 else ""
        states = {
            name: history.save(f"{folder.number:06d}-{name}{own}")
            for name, history in zip(NAMES, histories, strict=True)
        }
        fault_point("5.segments")
        if workers is None or workers.rank == 0:
            known = digests_of(parent.history() or {})
            folder.write_history(
                {name: self._with_digests(state, known) for name, state in states.items()}
            )
        self._number = folder.number

    def _with_digests(self, state: HistoryState, known: Mapping[str, str]) -> dict[str, Any]:
        """A state with the SHA-256 of each of its segments, by name."""
        digests = {name: known.get(name) or self._segments.digest(name) for name in state.segments}
        return {**state.to_json(), "sha256": digests}

    def prune(self, store: RoundStore) -> list[str]:
        """Remove the segments that no round names whose files are whole, and say which."""
        named = {
            segment
            for folder in store.complete()
            if not folder.pruned and (saved := folder.history())
            for state in saved.values()
            for segment in state["segments"]
        }
        return self._segments.remove_all_but(named)

    def _after(self, folder: RoundFolder) -> tuple[History, ...]:
        """The three histories; none if none are kept."""
        past = self._settings.past
        if past is not None and self._number != folder.number:
            self._number = None
            self._histories = self._load(folder, past)
            self._number = folder.number
        return self._histories

    def _load(self, folder: RoundFolder, past: PastSettings) -> tuple[History, ...]:
        """The histories after a round; empty ones after a round that kept none.

        Raises:
            RoundStoreError: a file is missing or damaged, or of another schema.
        """
        saved = folder.history()
        former = {topic for topic, _, _ in folder.plan().end.items()}
        topics = tuple(sorted({*self._topics, *former}))
        histories = []
        for side, name in enumerate(NAMES):
            selection = past.selection(side, self._settings.seed, self._schema)
            history = History(selection, topics, self._segments, self._workers)
            try:
                if saved is not None:
                    history.load(self._checked(saved.get(name, {})))
            except IngestError as error:
                raise RoundStoreError(
                    f"{folder.path / 'history.json'}: {error}; restore the state folder from a"
                    " backup, or use another service.state_dir"
                ) from error
            histories.append(history)
        return tuple(histories)

    def _checked(self, saved: Mapping[str, Any]) -> HistoryState:
        """A state whose segments are as they were written; those of older rounds had no digests.

        Raises:
            SamplerError: the state is damaged.
            RowsError: a segment is.
        """
        state, known = HistoryState.from_json(saved), digests_of({"": saved})
        for name in state.segments:
            if name in known:
                self._segments.check(name, known[name])
        return state


def digests_of(saved: Mapping[str, Any]) -> dict[str, str]:
    """The digests of all segments that the sides of a history name."""
    return {
        name: digest for state in saved.values() for name, digest in state.get("sha256", {}).items()
    }
