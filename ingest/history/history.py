"""A long-lived sample of all that ever passed, whose rows lie on disk.

What a bottom-k sample needs to go on is the sample itself, so a checkpoint of a history is a list
of files that together hold it: those of the checkpoint before, and one with the rows that came in
since. Rows that fell out stay in their files until most of a file is of no interest; then what is
left of it moves on, as in a log-structured merge tree [O'Neil et al. 1996].
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.errors import SamplerError
from ingest.history.part import Part
from ingest.history.segments import Segments
from ingest.identity import hash64
from ingest.rows import Rows
from ingest.sampling.bar import Bar
from ingest.sampling.order import Identities, order_by_key
from ingest.sampling.selection import Selection

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["History", "HistoryState"]

MOST_SEGMENTS = 24


@dataclass(frozen=True, eq=False)
class Members:
    """Which of the rows of interest are the sample.

    Attributes:
        places: intp[k], into the kept rows of all parts, one part after another.
        limits: float64[k], as `Places` has them.
    """

    places: NDArray[np.intp]
    limits: NDArray[np.float64]


@dataclass(frozen=True)
class HistoryState:
    """A checkpoint of a history.

    Attributes:
        settings: of the selection, as plain values.
        seen: rows offered so far.
        segments: the files that hold the sample.
    """

    settings: Mapping[str, object]
    seen: int
    segments: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """A plain form."""
        return {
            "settings": dict(self.settings),
            "seen": self.seen,
            "segments": list(self.segments),
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> HistoryState:
        """The inverse of `to_json`.

        Raises:
            SamplerError: it is not of that form.
        """
        try:
            return cls(dict(value["settings"]), int(value["seen"]), tuple(value["segments"]))
        except (KeyError, TypeError, ValueError) as error:
            raise SamplerError(f"history: expected a state, got {str(value)[:200]}") from error


class History:
    """A sample of all rows that were ever offered, bounded in rows and in bytes.

    Guarantee: as `Sampler`: a function of the selection and the set of rows offered. Memory holds
    about 60 bytes a row of the sample (200 while it is sorted), its bools, and the rows of interest
    that came in since the last `save`; the others stay on disk and are read when they are wanted.
    There they take up to twice the rows and the bytes that are of interest.

    Args:
        selection: says who stays.
        topics: the rows' topics; rows of others may come too.
        segments: where `save` writes.
    """

    def __init__(self, selection: Selection, topics: tuple[str, ...], segments: Segments) -> None:
        self.selection = selection
        self._segments = segments
        self._empty = Rows.empty(selection.schema, topics)
        self._begin()

    def _begin(self) -> None:
        self.seen = 0
        self._parts: list[Part] = []
        self._members: Members | None = None
        self._fresh = self._fresh_bytes = 0
        self._bar = Bar()

    def __len__(self) -> int:
        """Rows in the sample."""
        return len(self._compacted().places)

    @property
    def kept_bytes(self) -> int:
        """Of the rows of the sample, and of those that are first out."""
        self._compacted()
        return sum(part.kept_bytes for part in self._parts)

    def offer(self, rows: Rows) -> None:
        """Consider some rows."""
        self.seen += len(rows)
        self._consider(rows)

    def _consider(self, rows: Rows, name: str | None = None) -> None:
        self._know(rows.topics)
        part = Part.of(rows.with_topics(self._empty.topics), self.selection, name)
        part.kept = np.flatnonzero(self._bar.admits(part.keys, part.strata))
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
        members = self._compacted()
        if len(members.places) <= count:
            return self._of_sample(None)
        who, names = self._identities(), self._empty.topics
        bits = hash64(seed, "recall", names, who.topic, who.partition, who.offset, epoch=epoch)
        chosen = np.argsort(bits[members.places], kind="stable")[:count]
        rows, weights = self._of_sample(chosen)
        return rows, weights * (len(members.places) / max(count, 1))

    def save(self, name: str) -> HistoryState:
        """Write what is not on disk yet, durably.

        Args:
            name: of the new segment; not that of an older one.

        Raises:
            SamplerError: an older segment of that name is still in use.
        """
        self._compacted()
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
        self._parts, self._members = staying, None
        self._compacted()
        names = tuple(part.name for part in self._parts if part.name is not None)
        return HistoryState(self.selection.settings, self.seen, names)

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
        self.seen = state.seen

    def _compacted(self) -> Members:
        """Find out who is in the sample, and forget those that are of no interest any more."""
        if self._members is not None:
            return self._members
        parts = self._parts
        keys = np.concatenate([np.empty(0), *(part.keys[part.kept] for part in parts)])
        sizes = np.concatenate([np.empty(0, np.int64), *(part.sizes[part.kept] for part in parts)])
        order = order_by_key(keys, self._identities())
        strata = self._strata()
        found = self.selection.places(
            keys[order], None if strata is None else strata[order], sizes[order]
        )
        held = np.zeros(len(keys), np.bool_)
        held[order[np.concatenate([found.inside, found.outside])]] = True
        cuts = np.cumsum([len(part.kept) for part in parts])[:-1]
        for part, still in zip(parts, np.split(held, cuts), strict=bool(parts)):
            part.kept = part.kept[still]
        # What is in memory shrinks at once; what is on disk is left alone until it is saved.
        self._parts = [
            part.thinned() if part.name is None and part.is_thin() else part
            for part in parts
            if len(part.kept)
        ]
        self._bar = Bar.of(found, self.selection.allocation is not None)
        self._fresh = self._fresh_bytes = 0
        self._members = Members((np.cumsum(held) - 1)[order[found.inside]], found.limits)
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
        members = self._compacted()
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
