"""A long-lived sample of all that ever passed, whose rows lie on disk.

What a bottom-k sample needs to go on is the sample itself, so a checkpoint of a history is a list
of files that together hold it: those of the checkpoint before, and one with the rows that came in
since. Rows that fell out stay in their files until most of a file is of no interest; then what is
left of it moves on, as in a log-structured merge tree [O'Neil et al. 1996].
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

import numpy as np

from ingest.distributed.places import Keyed, find_places
from ingest.distributed.smallest import smallest
from ingest.distributed.workers import Workers
from ingest.errors import SamplerError
from ingest.history.members import Members
from ingest.history.part import Part
from ingest.history.segments import Segments
from ingest.history.state import HistoryState
from ingest.identity import hash64
from ingest.rows import Rows
from ingest.sampling.bar import Bar
from ingest.sampling.order import Identities
from ingest.sampling.selection import Selection

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["History"]

MOST_SEGMENTS = 24


class History:
    """A sample of all rows that were ever offered, bounded in rows and in bytes.

    Guarantee: as `Sampler`: a function of the selection and the set of rows offered. Memory holds
    about 60 bytes a row of the sample (200 while it is sorted), its bools, and the rows of interest
    that came in since the last `save`; the others stay on disk and are read when they are wanted.
    There they take up to twice the rows and the bytes that are of interest.

    Several workers can have a history together: each is offered the rows of its own partitions and
    gives back those of the sample that are its own, while `len`, `seen` and the checkpoint are of
    all. All workers make the same calls then. A checkpoint can be loaded by any number of workers.

    Args:
        selection: says who stays.
        topics: the rows' topics; rows of others may come too, but not with several workers.
        segments: where `save` writes.
        workers: whose history it is; None for a single one.
    """

    def __init__(
        self,
        selection: Selection,
        topics: tuple[str, ...],
        segments: Segments,
        workers: Workers | None = None,
    ) -> None:
        self.selection = selection
        self._segments = segments
        self._workers = workers
        self._empty = Rows.empty(selection.schema, topics)
        self._begin()

    def _begin(self) -> None:
        self._seen_before = self._seen = 0
        self._parts: list[Part] = []
        self._members: Members | None = None
        self._settled = False
        self._fresh = self._fresh_bytes = 0
        self._bar = Bar()

    @property
    def seen(self) -> int:
        """Rows offered so far; of those offered to other workers, what the checkpoint knew."""
        return self._seen_before + self._seen

    def __len__(self) -> int:
        """Rows in the sample."""
        return self._agreed().total

    @property
    def kept_bytes(self) -> int:
        """Of the rows of the sample, and of those that are first out; its own, of a worker."""
        self._agreed()
        return sum(part.kept_bytes for part in self._parts)

    def offer(self, rows: Rows) -> None:
        """Consider some rows."""
        self._seen += len(rows)
        self._settled = False
        self._consider(rows)

    def _consider(self, rows: Rows, name: str | None = None) -> None:
        self._know(rows.topics)
        part = Part.of(rows.with_topics(self._empty.topics), self.selection, name)
        part.kept = np.flatnonzero(self._bar.admits(part.keys, part.strata) & self._are_own(rows))
        if name is None:
            part = part.thinned()
        if not len(part.kept):
            return
        self._parts.append(part)
        self._members = None
        self._fresh += len(part.kept)
        self._fresh_bytes += part.kept_bytes
        most = self.selection.most_bytes or np.inf
        if self._fresh > self.selection.capacity or self._fresh_bytes > most:
            self._compacted()

    def _are_own(self, rows: Rows) -> NDArray[np.bool_]:
        """Bool[n]: which rows are of this worker's partitions."""
        if self._workers is None:
            return np.ones(len(rows), np.bool_)
        own: NDArray[np.bool_] = rows.partition % self._workers.size == self._workers.rank
        return own

    def _know(self, topics: tuple[str, ...]) -> None:
        """Number all topics in one way, also those that were read only before or only later."""
        known = tuple(sorted({*self._empty.topics, *topics}))
        if known != self._empty.topics:
            self._empty = self._empty.with_topics(known)
            for part in self._parts:
                part.rows = part.rows.with_topics(known)

    def sample(self) -> Rows:
        """The sample, sorted by identity."""
        return self._of_sample(None)[0]

    def weights(self) -> NDArray[np.float64]:
        """float64[n]: what each row stands for, in the order of `sample`; see `Sampler`."""
        return self._of_sample(None)[1]

    def recall(self, count: int, seed: int, epoch: int) -> tuple[Rows, NDArray[np.float64]]:
        """Some rows of the sample, chosen uniformly.

        Args:
            count: how many at most.
            seed: of the choice.
            epoch: choices of different epochs are independent.

        Returns:
            The rows, sorted by identity, and what each stands for, float64[n].

        Raises:
            SamplerError: the count is negative.
        """
        if count < 0:
            raise SamplerError(f"history: expected a count of at least 0 to recall, got {count}")
        members = self._agreed()
        if members.total <= count:
            return self._of_sample(None)
        who, names = self._identities(), self._empty.topics
        bits = hash64(seed, "recall", names, who.topic, who.partition, who.offset, epoch=epoch)
        chosen = smallest(bits[members.places], count, self._workers)
        rows, weights = self._of_sample(chosen)
        return rows, weights * (members.total / max(count, 1))

    def save(self, name: str) -> HistoryState:
        """Write what is not on disk yet, durably.

        Args:
            name: of the new segment; not that of an older one.

        Raises:
            SamplerError: an older segment of that name is still in use.
        """
        self._agreed()
        moving = [part for part in self._parts if part.name is None or part.is_thin()]
        staying = [part for part in self._parts if part not in moving]
        staying.sort(key=lambda part: len(part.kept), reverse=True)
        moving, staying = moving + staying[MOST_SEGMENTS:], staying[:MOST_SEGMENTS]
        if moving:
            if name in {part.name for part in self._parts}:
                raise SamplerError(
                    f'history: segment "{name}" is in use, and checkpoints may name it; expected a'
                    " name that no save has had"
                )
            whole = Rows.concat([part.rows.take(part.kept) for part in moving]).sorted_by_identity()
            self._segments.write(name, whole)
            staying.append(Part.of(self._segments.read(name), self.selection, name))
        self._parts, self._members, self._settled = staying, None, False
        self._agreed()
        own = [part.name for part in self._parts if part.name is not None]
        names, seen = self._told(own)
        self._seen_before, self._seen = seen, 0
        return HistoryState(self.selection.settings, seen, names)

    def _told(self, own: list[str]) -> tuple[tuple[str, ...], int]:
        """The segments of all workers, and how many rows were offered to all."""
        if self._workers is None:
            return tuple(own), self.seen
        told = self._workers.gather(json.dumps([own, self._seen]).encode())
        heard = [json.loads(data) for data in told]
        names = sorted({name for names, _ in heard for name in names})
        return tuple(names), self._seen_before + sum(seen for _, seen in heard)

    def load(self, state: HistoryState) -> None:
        """Go on from a checkpoint.

        A state of another selection is taken over as far as it goes: its rows are offered to this
        one. A larger sample has then fewer rows of the past than it would have had.

        Raises:
            RowsError: a segment is missing or damaged.
            SamplerError: it is of another schema.
        """
        if state.settings.get("schema") != self.selection.schema.fingerprint():
            raise SamplerError(
                "history: it has rows of another schema, which the model cannot be trained on;"
                " remove it, or go back to the schema that it was made with"
            )
        found = [(self._segments.read(name), name) for name in state.segments]
        self._begin()
        for rows, name in found:
            self._consider(rows, name)
        self._seen_before = state.seen

    def _agreed(self) -> Members:
        """Who is in the sample of all workers; of this one, if it is alone."""
        if self._settled and self._members is not None:
            return self._members
        if self._workers is not None:
            self._members = None
        members = self._compacted(self._workers)
        self._settled = True
        return members

    def _compacted(self, workers: Workers | None = None) -> Members:
        """Find out who is in the sample, and forget those that are of no interest any more."""
        if self._members is not None:
            return self._members
        parts = self._parts
        keys = np.concatenate([np.empty(0), *(part.keys[part.kept] for part in parts)])
        sizes = np.concatenate([np.empty(0, np.int64), *(part.sizes[part.kept] for part in parts)])
        keyed = Keyed(self._identities(), keys, self._strata(), sizes)
        found = find_places(self.selection, keyed, workers)
        held = np.zeros(len(keys), np.bool_)
        held[np.concatenate([found.inside, found.outside])] = True
        cuts = np.cumsum([len(part.kept) for part in parts])[:-1]
        for part, still in zip(parts, np.split(held, cuts), strict=bool(parts)):
            part.kept = part.kept[still]
        # What is in memory shrinks at once; what is on disk is left alone until it is saved.
        self._parts = [
            part.thinned() if part.name is None and part.is_thin() else part
            for part in parts
            if len(part.kept)
        ]
        self._bar = found.bar
        self._fresh = self._fresh_bytes = 0
        places = (np.cumsum(held) - 1)[found.inside]
        self._members = Members(places, found.limits, found.total)
        return self._members

    def _identities(self) -> Identities:
        """Who the rows of interest are."""
        empty, parts = self._empty, self._parts
        return Identities(
            np.concatenate([empty.topic, *(part.rows.topic[part.kept] for part in parts)]),
            np.concatenate([empty.partition, *(part.rows.partition[part.kept] for part in parts)]),
            np.concatenate([empty.offset, *(part.rows.offset[part.kept] for part in parts)]),
        )

    def _strata(self) -> NDArray[np.int64] | None:
        if self.selection.allocation is None:
            return None
        known = [part.strata[part.kept] for part in self._parts if part.strata is not None]
        return np.concatenate([np.empty(0, np.int64), *known])

    def _of_sample(self, chosen: NDArray[np.intp] | None) -> tuple[Rows, NDArray[np.float64]]:
        """Some or all rows of the sample, sorted by identity, and what each stands for."""
        members = self._agreed()
        everything = np.arange(len(members.places))
        picked = everything if chosen is None else chosen
        by_part = np.sort(members.places[picked])
        limits = members.limits[picked][np.argsort(members.places[picked])]
        found, start = [self._empty], 0
        for part in self._parts:
            end = start + len(part.kept)
            own = by_part[np.searchsorted(by_part, start) : np.searchsorted(by_part, end)]
            found.append(part.rows.take(part.kept[own - start]))
            start = end
        rows = Rows.concat(found)
        order = np.lexsort((rows.offset, rows.partition, rows.topic))
        rows = rows.take(order)
        return rows, 1.0 / self.selection.chances(rows, limits[order])
