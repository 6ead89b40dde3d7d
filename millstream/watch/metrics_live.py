"""The numbers of what a service does right now, from its status file."""

from __future__ import annotations

from collections.abc import Iterator

from millstream.watch.board import LiveState
from millstream.watch.flow import PartitionState
from millstream.watch.metrics_names import Sample
from millstream.watch.processes import is_alive

__all__ = ["GONE_S", "SILENT_S", "samples_of_live"]

GONE_S = 2.0
"""So long it counts as running though nobody sees its process: of another container, say."""
SILENT_S = 10.0
"""A running service writes its state four times a second."""


def samples_of_live(live: LiveState, now_s: float, *, paused: bool) -> Iterator[Sample]:
    """The samples of a live state; of a service that has ended, nothing of its partitions.

    Args:
        live: what the status file says.
        now_s: wall clock, seconds since the epoch.
        paused: whether no round may begin.
    """
    age = abs(now_s - live.updated_ms / 1000)  # a time to come: a clock was set, nobody writes
    heard = age <= GONE_S or (age <= SILENT_S and is_alive(live.pid))
    up = live.phase == "running" and heard
    numbers = {
        "up": float(up),
        "paused": float(paused),
        "round_number": live.round,
        "round_step": live.step,
        "round_epochs": live.epoch,
        "pending_records": live.pending,
        "history_rows": live.history_rows,
        "waiting_rounds": live.waiting,
    }
    for name, value in numbers.items():
        yield f"millstream_{name}", (), float(value)
    if live.updated_ms:
        yield "millstream_status_age_seconds", (), age
    if live.champion is not None:
        yield "millstream_champion_version", (), float(live.champion)
    for name, state in live.partitions.items() if up else ():
        yield from samples_of_partition(name, state)


def samples_of_partition(name: str, state: PartitionState) -> Iterator[Sample]:
    """The samples of a partition, whose name is `topic[number]`."""
    topic, _, number = name.removesuffix("]").rpartition("[")
    labels = (topic, number)
    yield "millstream_records_per_second", labels, state.records_per_s
    yield "millstream_position_offset", labels, float(state.position)
    yield "millstream_partition_age_seconds", labels, state.age_s
    if state.end is not None and state.lag is not None:
        yield "millstream_end_offset", labels, float(state.end)
        yield "millstream_lag_records", labels, float(state.lag)
