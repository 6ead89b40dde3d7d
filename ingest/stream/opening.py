"""A stream over Kafka's topics, from the options that people give."""

from __future__ import annotations

import difflib
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypedDict

from ingest.dead_letters import DeadLetters, NoDeadLetters
from ingest.errors import SettingsError
from ingest.formats.decoder import Decoder
from ingest.formats.json.decoder import JsonDecoder
from ingest.kafka.dead_letters import KafkaDeadLetters
from ingest.kafka.source import KafkaSource
from ingest.schema import Schema
from ingest.stream.decoding import SharedDecoder
from ingest.stream.settings import StreamSettings
from ingest.stream.span import End, Start, resolve
from ingest.stream.state import StreamState
from ingest.stream.stream import Stream, StreamParts

__all__ = ["StreamOptions", "StreamRequest", "Topics", "check_options", "open_stream"]

Topics = str | Sequence[str]


class StreamOptions(TypedDict, total=False):
    """Options that all streams have.

    Attributes:
        format: a decoder of the schema, or what makes one of it; JSON by default.
        share: (index, of): read only partitions whose number modulo `of` is `index`.
        seed: of the shuffle.
        block_rows: offsets of a block of a stream that is not shuffled (65,536).
        block_bytes: most bytes of keys and values of a block (64 MB).
        idle_s: end a stream without end when no record came for so long.
        stall_s: fail when records that should be there do not come for so long (60).
        dead_letters: where bad records go; a text is a topic, in which "{topic}" stands for the
            record's. By default they are only counted.
        options: of kafka-python's consumer and producer.
    """

    format: Decoder | Callable[[Schema], Decoder] | None
    share: tuple[int, int]
    seed: int
    block_rows: int
    block_bytes: int
    idle_s: float | None
    stall_s: float
    dead_letters: DeadLetters | str | None
    options: Mapping[str, object]


@dataclass(frozen=True)
class StreamRequest:
    """What a stream is to be.

    Attributes:
        topics: names.
        bootstrap_servers: of the brokers.
        schema: of the records; None for records as they are.
        start: where to begin.
        end: where to end.
        shuffle: rows of a window that is shuffled; None for the order of offsets.
        whole: fewer rows than these are not given at the end.
        options: all else.
        resume: file of a saved state; when it is there, the stream goes on from it.
    """

    topics: Topics
    bootstrap_servers: str | Sequence[str]
    schema: Schema | None
    start: Start
    end: End
    options: StreamOptions
    shuffle: int | None = None
    whole: int = 1
    resume: str | os.PathLike[str] | None = None

    def settings(self) -> StreamSettings:
        """What decides rows and order.

        Raises:
            SettingsError: something is outside its range.
        """
        names = ("seed", "share", "block_rows", "block_bytes", "idle_s", "stall_s")
        given: Mapping[str, Any] = self.options
        return StreamSettings(
            topics=(self.topics,) if isinstance(self.topics, str) else tuple(self.topics),
            schema=self.schema,
            shuffle=self.shuffle,
            whole=self.whole,
            **{name: given[name] for name in names if name in given},
        )

    def connection(self) -> dict[str, object]:
        """Options for kafka-python."""
        more = self.options.get("options") or {}
        return {"bootstrap_servers": self.bootstrap_servers, **more}


def open_stream(
    request: StreamRequest,
    given: Callable[[], tuple[int, int]],
    decoder: Decoder | None = None,
) -> Stream:
    """A stream over Kafka's topics; the brokers are asked where they begin and end.

    Args:
        request: what it is to be.
        given: see `Stream`.
        decoder: instead of the format that the request has.

    Raises:
        SettingsError: options do not fit together, or a saved state is of another stream.
        PositionError: a saved state is damaged.
        SourceError: the brokers cannot be reached, or do not have the topics or positions.
    """
    settings, connection = request.settings(), request.connection()
    start = request.start
    if request.resume is not None and Path(request.resume).exists():
        start = StreamState.load(request.resume)
    decoder = decoder or _decoder(request)
    source = _open_source(settings, connection, "latest")
    try:
        begin = resolve(settings, source, start, request.end)
    finally:
        source.close()
    parts = StreamParts(
        open_source=partial(_open_source, settings, connection),
        decoder=decoder,
        open_letters=partial(_letters, request.options.get("dead_letters"), connection),
    )
    return Stream(settings, parts, begin, given)


def check_options(options: Mapping[str, Any], kind: type) -> None:
    """Refuse an option that is not of a typed dictionary.

    Raises:
        SettingsError: names it, and what may have been meant.
    """
    known = sorted(kind.__annotations__)
    for name in options:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            hint = f"did you mean {near[0]}?" if near else f"there are {', '.join(known)}"
            raise SettingsError(f"no such option: {name}; {hint}")


def _open_source(
    settings: StreamSettings, connection: Mapping[str, object], start: Any
) -> KafkaSource:
    return KafkaSource(settings.topics, connection, start, takes=settings.takes)


def _decoder(request: StreamRequest) -> Decoder:
    """The decoder of the request; runs share it, so one at a time may use it."""
    schema, wanted = request.schema, request.options.get("format")
    if schema is None:
        raise SettingsError("schema: expected the fields of the records, got None")
    if wanted is None:
        return SharedDecoder(JsonDecoder(schema))
    if not isinstance(wanted, type) and hasattr(wanted, "decode"):
        return SharedDecoder(wanted)
    if not callable(wanted):
        raise SettingsError(f"format: expected a decoder or what makes one, got {wanted!r}")
    return SharedDecoder(wanted(schema))


def _letters(wanted: DeadLetters | str | None, connection: Mapping[str, object]) -> DeadLetters:
    if wanted is None:
        return NoDeadLetters()
    if isinstance(wanted, str):
        return KafkaDeadLetters(connection, wanted)
    return KeptOpen(wanted)


class KeptOpen:
    """Dead letters that are the user's to close."""

    def __init__(self, letters: DeadLetters) -> None:
        self._letters = letters
        self.send = letters.send
        self.flush = letters.flush
        self.position = letters.position

    def close(self) -> None:
        """Do nothing."""
