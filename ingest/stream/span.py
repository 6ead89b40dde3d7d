"""Where a stream begins and ends, from what the user asks for and what the topics have."""

from __future__ import annotations

from typing import Literal

from ingest.errors import SettingsError, SourceError
from ingest.position import Position
from ingest.source import Source
from ingest.stream.settings import StreamSettings
from ingest.stream.state import StreamState

__all__ = ["End", "Start", "resolve"]

Start = Literal["earliest", "latest"] | Position | StreamState
End = Literal["now"] | Position | None


def resolve(settings: StreamSettings, source: Source, start: Start, end: End) -> StreamState:
    """The state in which a stream begins.

    Args:
        settings: of the stream.
        source: over its topics.
        start: partitions that a position does not name begin at their first record.
        end: "now" is the end of the topics as it is; a position names all partitions that are
            read, if they are of the share; None for a stream without end.

    Raises:
        SettingsError: start and end do not fit together, or the state is of another stream.
        SourceError: the topics do not have what the positions name.
    """
    if isinstance(start, StreamState):
        return _resumed(settings, start, end)
    if isinstance(end, Position):
        end = _only(end, settings)
    first, last = source.beginning(), source.end()
    begin = _chosen(settings, first, last, start)
    if end is None:
        return _state(settings, begin, None)
    if end == "now":
        return _state(settings, begin, _only(last, settings))
    if not isinstance(end, Position):
        raise SettingsError(f'end: expected None, "now" or a position, got {end!r}')
    for topic, partition, offset in end.items():
        have, low = last.get(topic, partition), begin.get(topic, partition)
        if have is None or low is None:
            raise SourceError(f"end: {topic}[{partition}]: this stream does not read it")
        if offset > have:
            raise SourceError(
                f"end: {topic}[{partition}]: {offset} lies past its end, which is {have}; for"
                " records that are still to come use end=None"
            )
        if offset < low:
            raise SettingsError(
                f"end: {topic}[{partition}]: {offset} lies before the start, which is {low}"
            )
    named = {(topic, partition) for topic, partition, _ in end.items()}
    parts = [item for item in begin.items() if item[:2] in named]
    return _state(settings, Position.of(parts), end)


def _resumed(settings: StreamSettings, state: StreamState, end: End) -> StreamState:
    state.check(settings.deciding())
    fits = (state.end is None) == (end is None)
    if isinstance(end, Position):
        fits = state.end == _only(end, settings)
    if not fits:
        raise SettingsError(
            f"end: the state is of a stream with end = {state.end}, this one has {end!r}; set it"
            " back, or start at the state's position to begin a new range there"
        )
    return state


def _chosen(
    settings: StreamSettings,
    first: Position,
    last: Position,
    start: Literal["earliest", "latest"] | Position,
) -> Position:
    if start == "earliest":
        return _only(first, settings)
    if start == "latest":
        return _only(last, settings)
    if not isinstance(start, Position):
        raise SettingsError(
            f'start: expected "earliest", "latest", a position or a state, got {start!r}'
        )
    for topic, partition, offset in start.items():
        have = last.get(topic, partition)
        if have is None and settings.takes(partition):
            raise SourceError(
                f"start: {topic}[{partition}]: the broker does not have this partition; was the"
                " topic deleted and made anew?"
            )
        if have is not None and offset > have:
            raise SourceError(
                f"start: {topic}[{partition}]: {offset} lies past its end, which is {have}; was"
                " the topic deleted and made anew?"
            )
    return Position.of(
        [
            (t, p, low if (at := start.get(t, p)) is None else at)
            for t, p, low in first.items()
            if settings.takes(p)
        ]
    )


def _state(settings: StreamSettings, begin: Position, end: Position | None) -> StreamState:
    return StreamState(
        begin=begin,
        end=end,
        epoch=0,
        block_start=begin,
        block_end=begin,
        after=None,
        settings=settings.deciding(),
    )


def _only(position: Position, settings: StreamSettings) -> Position:
    return Position.of([item for item in position.items() if settings.takes(item[1])])
