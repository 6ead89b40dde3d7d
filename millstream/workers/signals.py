"""What workers tell each other while they wait for the next round, so that all decide alike."""

from __future__ import annotations

import json
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from ingest import Intake, Workers

if TYPE_CHECKING:
    import trainer

__all__ = ["Others", "Signals", "agree_on_signals", "signals_of"]


@dataclass(frozen=True)
class Signals:
    """What decides whether a round begins, of one worker or of all.

    Attributes:
        waiting: what the trigger looks at.
        full: whether the next window takes no more records.
        records: read since the start; `bad` of them were dead-lettered, `unchecked` not decoded.
        lag: records in the topics that were not read yet; None when unknown.
        stop: whether the service is to end.
        paused: whether no round may begin; the first worker looks for all.
        now: seconds of a clock that never jumps. All go by the first worker's, as what one finds
            due all must.
    """

    waiting: trainer.Waiting
    full: bool
    records: int
    bad: int
    unchecked: int
    lag: int | None
    stop: bool
    paused: bool
    now: float

    def to_json(self) -> dict[str, Any]:
        """A plain form."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Signals:
        """The inverse of `to_json`."""
        import trainer

        return cls(**{**value, "waiting": trainer.Waiting.from_json(value["waiting"])})


def signals_of(intake: Intake, waiting: trainer.Waiting, *, stop: bool, paused: bool) -> Signals:
    """Those of this worker."""
    totals = intake.totals()
    return Signals(
        waiting=waiting,
        full=intake.is_full(),
        records=totals.records,
        bad=totals.bad,
        unchecked=totals.unchecked,
        lag=intake.lag(),
        stop=stop,
        paused=paused,
        now=time.monotonic(),
    )


def agree_on_signals(own: Signals, workers: Workers) -> Signals:
    """Those of all workers together; all of them call it, and get the same."""
    if workers.size == 1:
        return own
    heard = workers.gather(json.dumps(own.to_json()).encode())
    return _together([Signals.from_json(json.loads(data)) for data in heard])


def _together(each: Sequence[Signals]) -> Signals:
    import trainer

    lags = [signals.lag for signals in each]
    known = [lag for lag in lags if lag is not None]
    return replace(
        each[0],
        waiting=trainer.Waiting.together([signals.waiting for signals in each]),
        full=any(signals.full for signals in each),
        records=sum(signals.records for signals in each),
        bad=sum(signals.bad for signals in each),
        unchecked=sum(signals.unchecked for signals in each),
        lag=sum(known) if len(known) == len(lags) else None,
        stop=any(signals.stop for signals in each),
    )


@dataclass
class Others:
    """What the other workers had read when they last told it, so that a page shows all of it."""

    records: int = 0
    bad: int = 0
    unchecked: int = 0
    pending: int = 0
    lag: int = 0

    def learn(self, own: Signals, every: Signals) -> None:
        """Take over what is not one's own."""
        self.records = every.records - own.records
        self.bad = every.bad - own.bad
        self.unchecked = every.unchecked - own.unchecked
        self.pending = every.waiting.records - own.waiting.records
        self.lag = 0 if every.lag is None or own.lag is None else every.lag - own.lag
