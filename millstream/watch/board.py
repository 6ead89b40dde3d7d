"""What the service is doing right now, for people who watch it."""

from __future__ import annotations

import logging
import os
import threading
import time
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

from millstream.durable import write_json
from millstream.watch.flow import PartitionState

__all__ = ["STEPS", "Board", "LiveState"]

log = logging.getLogger("millstream")

STEPS = {
    0: "starting",
    1: "ingest",
    2: "trigger",
    3: "plan",
    4: "test, then train",
    5: "checkpoint",
    6: "gate, compress, publish",
    7: "commit",
}
READING = (1, 2)
"""The steps of a round that has no number yet."""


@dataclass(frozen=True)
class LiveState:
    """A snapshot of the service.

    Attributes:
        phase: "starting", "running", "stopping" or "stopped".
        round: the round in progress, or the last one.
        step: 1 to 7 as in the round's commit order; 0 while starting.
        epoch: epochs done in the round in progress.
        losses: the epoch's logs, such as loss and val_loss.
        records: records read since the start of this process; `bad` of them were dead-lettered,
            `unchecked` were not decoded because a backlog had to be worked off.
        records_per_s: over about the last two seconds.
        lag: records in the topics that were not read yet; None when unknown.
        pending: records read that wait for the next round.
        missing: offsets that the broker had deleted before they were read, in all rounds so far.
        history_rows: rows of the past that rounds learn from again; 0 when none are kept.
        history_ratio: how many of them for each row of the window, in the last round.
        drift: what was found last, and in which round.
        champion: version that users pull, if any.
        waiting: rounds that wait to be published, and why MLflow did not take them.
        kafka: bootstrap servers in use; `cluster` is Kafka's name for theirs, if it tells.
        registry: tracking URI in use.
        model: name in the registry.
        partitions: by `topic[partition]`, those of all workers, each with its age.
        dead_letters: records that were dead-lettered since the start of this process, by reason.
        verdict: what was in the way of the last round that is published, and which one that was
            (`millstream.watch.verdict`); nothing before the first.
        event_to_model: how old its records were when the last version was promoted, and which one
            that was (`millstream.watch.event_to_model`); nothing before the first.
        note: the last thing worth telling.
    """

    pid: int = field(default_factory=os.getpid)
    phase: str = "starting"
    round: int = 0
    step: int = 0
    epoch: int = 0
    losses: dict[str, float] = field(default_factory=dict)
    records: int = 0
    bad: int = 0
    unchecked: int = 0
    records_per_s: float = 0.0
    lag: int | None = None
    pending: int = 0
    missing: int = 0
    history_rows: int = 0
    history_ratio: float = 0.0
    drift: str = ""
    champion: int | None = None
    waiting: int = 0
    waiting_why: str = ""
    kafka: str = ""
    cluster: str = ""
    registry: str = ""
    model: str = ""
    partitions: dict[str, PartitionState] = field(default_factory=dict)
    dead_letters: dict[str, int] = field(default_factory=dict)
    verdict: dict[str, Any] = field(default_factory=dict)
    event_to_model: dict[str, Any] = field(default_factory=dict)
    note: str = ""
    updated_ms: int = 0


class Board:
    """Holds the live state; any thread may read or update it.

    Args:
        status_file: where `save` writes; None for a worker whose state nobody looks at.
    """

    def __init__(self, status_file: Path | None) -> None:
        self._lock = threading.Lock()
        self._state = LiveState()
        self._file = status_file
        self._rate_from: tuple[float, int] = (time.monotonic(), 0)
        self._is_silent = False

    def update(self, **changes: Any) -> None:
        """Replace some attributes of the live state."""
        with self._lock:
            self._state = replace(self._state, **changes)

    def count(self, records: int, bad: int, pending: int) -> None:
        """Take over ingest's running totals and derive the rate from them."""
        now = time.monotonic()
        with self._lock:
            since, before = self._rate_from
            rate = self._state.records_per_s
            if now - since >= 1.0:
                rate = max(0, records - before) / (now - since)
                self._rate_from = (now, records)
            self._state = replace(
                self._state, records=records, bad=bad, pending=pending, records_per_s=rate
            )

    def snapshot(self) -> LiveState:
        """The state as it is now."""
        with self._lock:
            return self._state

    def round(self) -> int:
        """The round in progress, or the next one while records are read for it; 0 if unknown."""
        state = self.snapshot()
        is_next = state.step in READING or (state.step == 0 and state.round > 0)
        return state.round + is_next

    def save(self) -> None:
        """Write the status file that `millstream status` reads; not durable on purpose.

        Whoever looks may see old news: a file that cannot be written stops nothing, and is told.
        """
        if self._file is None:
            return
        state = replace(self.snapshot(), updated_ms=int(time.time() * 1000))
        losses = {name: value for name, value in state.losses.items() if abs(value) < float("inf")}
        try:
            write_json(self._file, asdict(replace(state, losses=losses)), durable=False)
            self._is_silent = False
        except OSError as error:
            if not self._is_silent:
                log.warning("the status is not up to date: %s: %s", self._file, error.strerror)
            self._is_silent = True
