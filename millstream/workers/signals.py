"""What workers tell each other while they wait for the next round, so that all decide alike."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any

from ingest import Intake, IntakeSeconds, Workers
from millstream.watch.flow import PartitionState
from millstream.workers.readings import Reading

if TYPE_CHECKING:
    import trainer

__all__ = ["Signals", "agree_on_signals", "others_of", "signals_of"]


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
        reload: whether the settings are to be read again; the first worker looks for all.
        now: seconds of a clock that never jumps. All go by the first worker's, as what one finds
            due all must.
        kinds: of the records that were dead-lettered, by reason.
        seconds: what the time of the threads that read went into.
        partitions: told about once a second, to be looked at; nothing in between.
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
    reload: bool = False
    kinds: Mapping[str, int] = field(default_factory=dict)
    seconds: IntakeSeconds = field(default_factory=IntakeSeconds)
    partitions: Mapping[str, PartitionState] = field(default_factory=dict)

    def to_json(self) -> dict[str, Any]:
        """A plain form."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: dict[str, Any]) -> Signals:
        """The inverse of `to_json`."""
        import trainer

        told = value["partitions"].items()
        found = {
            "waiting": trainer.Waiting.from_json(value["waiting"]),
            "seconds": IntakeSeconds(**value["seconds"]),
            "partitions": {name: PartitionState(**state) for name, state in told},
        }
        return cls(**{**value, **found})


def signals_of(
    intake: Intake, waiting: trainer.Waiting, full: bool, *, stop: bool, paused: bool
) -> Signals:
    """Those of this worker; `full` is what the intake told before `waiting` was counted."""
    totals = intake.totals()
    return Signals(
        waiting=waiting,
        full=full,
        records=totals.records,
        bad=totals.bad,
        unchecked=totals.unchecked,
        lag=intake.lag(),
        stop=stop,
        paused=paused,
        now=time.monotonic(),
        kinds=totals.kinds,
        seconds=intake.seconds(),
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
        kinds=sum_of([signals.kinds for signals in each]),
        seconds=IntakeSeconds(**sum_of([asdict(signals.seconds) for signals in each])),
        partitions={name: state for s in each for name, state in s.partitions.items()},
    )


def sum_of(each: Sequence[Mapping[str, float]]) -> dict[str, Any]:
    """The numbers of each name, added up."""
    names = sorted({name for one in each for name in one})
    return {name: sum(one.get(name, 0) for one in each) for name in names}


def others_of(own: Signals, every: Signals) -> Reading:
    """What the other workers have read, given this one's signals and those of all."""
    known = own.lag is not None and every.lag is not None
    return Reading(
        records=every.records - own.records,
        bad=every.bad - own.bad,
        unchecked=every.unchecked - own.unchecked,
        pending=every.waiting.records - own.waiting.records,
        lag=(every.lag or 0) - (own.lag or 0) if known else None,
        kinds=dict(Counter(every.kinds) - Counter(own.kinds)),
        partitions={n: s for n, s in every.partitions.items() if n not in own.partitions},
    )
