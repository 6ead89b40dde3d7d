"""Reading dead letters, and the markers that tell which of them were republished."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ingest.kafka.delivered import end_of_topics, read_range
from ingest.kafka.letter import Letter, read_headers
from ingest.position import Position
from ingest.records import RecordBatch

__all__ = ["MARKER", "Marker", "Republished", "read_letter_batches", "read_letters"]

MARKER = ("millstream.marker", b"republished")


@dataclass(frozen=True)
class Marker:
    """A record among the letters of a partition: what lies before an offset was republished.

    It is written in the transaction that republishes, into the log that has the letters, so that it
    is true whenever it can be read, and is kept at least as long as they are.

    Attributes:
        until: letters with smaller offsets are meant,
        topics: if they are about records of these topics, of partitions below the number,
        kind: and of this kind; None for all kinds.
    """

    until: int
    topics: Mapping[str, int]
    kind: str | None

    def to_bytes(self) -> bytes:
        """The value of the record."""
        about = {"until": self.until, "topics": self.topics, "kind": self.kind}
        return json.dumps(about).encode()

    @classmethod
    def of(cls, value: bytes | None) -> Marker | None:
        """The inverse of `to_bytes`; None for what is no marker."""
        try:
            about = json.loads(value or b"")
            topics = {str(name): int(count) for name, count in about["topics"].items()}
            return cls(int(about["until"]), topics, about["kind"])
        except (ValueError, KeyError, TypeError, AttributeError):
            return None


class Republished:
    """Which letters were republished, from the markers among them."""

    def __init__(self) -> None:
        self._until: dict[tuple[str, int, str], dict[tuple[str | None, int], int]] = {}

    def add(self, topic: str, partition: int, marker: Marker) -> None:
        """Take a marker that was found in a partition of a dead-letter topic."""
        for about, count in marker.topics.items():
            found = self._until.setdefault((topic, partition, about), {})
            meant = (marker.kind, count)
            found[meant] = max(found.get(meant, 0), marker.until)

    def __contains__(self, letter: Letter) -> bool:
        topic, partition, offset = letter.place
        found = self._until.get((topic, partition, letter.topic), {})
        return any(
            offset < until and kind in (None, letter.kind) and letter.partition < count
            for (kind, count), until in found.items()
        )

    @classmethod
    def read(cls, options: Mapping[str, object], topics: Sequence[str]) -> Republished:
        """All markers of some dead-letter topics.

        Raises:
            SourceError: the broker cannot be reached, or refuses.
        """
        found, options = cls(), {**options, "isolation_level": "read_committed"}
        for batch in read_range(options, Position(), end_of_topics(options, topics)):
            for index, told in enumerate(read_headers(batch)):
                marker = Marker.of(batch.value(index)) if "marker" in told else None
                if marker is not None:
                    found.add(batch.topic, batch.partition, marker)
        return found


def read_letter_batches(
    options: Mapping[str, object], topics: Sequence[str]
) -> Iterator[tuple[RecordBatch, list[Letter]]]:
    """The letters of some dead-letter topics as they end now, with the batch that they lay in.

    Letters are in no transaction; one that is open, or someone else's, hides none of them.

    Raises:
        SourceError: the broker cannot be reached, or refuses.
    """
    options = {**options, "isolation_level": "read_uncommitted"}
    for batch in read_range(options, Position(), end_of_topics(options, topics)):
        told = enumerate(read_headers(batch))
        letters = (Letter.read(batch, index, headers) for index, headers in told)
        yield batch, [letter for letter in letters if letter is not None]


def read_letters(options: Mapping[str, object], topics: Sequence[str]) -> Iterator[Letter]:
    """The letters of some dead-letter topics as they end now, in order within a partition.

    Raises:
        SourceError: the broker cannot be reached, or refuses.
    """
    for _, letters in read_letter_batches(options, topics):
        yield from letters
