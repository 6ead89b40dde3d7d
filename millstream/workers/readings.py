"""What each worker has read, told in a file of its own, so that who watches sees all of it live.

Workers hear of each other where they agree on the next round, and not while one is made. Meanwhile
the first one reads the files of the others. Workers of several machines that share no folder find
none; then what was heard last stays, and its age is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from millstream.durable import read_as, write_json
from millstream.watch.flow import PartitionState

__all__ = ["Reading", "Readings", "together"]


@dataclass(frozen=True)
class Reading:
    """What was read since the start, by one worker or by several.

    Attributes:
        run: which run of the workers it is of; files of others may lie about.
        records: of which `bad` were dead-lettered, and `unchecked` not decoded.
        pending: of them, those that wait for the next round.
        lag: records in the topics that were not read yet; None when unknown.
        kinds: of the records that were dead-lettered, by reason.
        partitions: by `topic[partition]`.
    """

    run: str = ""
    records: int = 0
    bad: int = 0
    unchecked: int = 0
    pending: int = 0
    lag: int | None = 0
    kinds: dict[str, int] = field(default_factory=dict)
    partitions: dict[str, PartitionState] = field(default_factory=dict)


NONE = Reading()


def together(each: Iterable[Reading]) -> Reading:
    """The sum of what several have read; the lag is unknown if one of them is."""
    whole = NONE
    for one in each:
        unknown = whole.lag is None or one.lag is None
        whole = Reading(
            records=whole.records + one.records,
            bad=whole.bad + one.bad,
            unchecked=whole.unchecked + one.unchecked,
            pending=whole.pending + one.pending,
            lag=None if unknown else (whole.lag or 0) + (one.lag or 0),
            kinds=sum_of(whole.kinds, one.kinds),
            partitions={**whole.partitions, **one.partitions},
        )
    return whole


def sum_of(one: Mapping[str, int], other: Mapping[str, int]) -> dict[str, int]:
    """The numbers of each name, added up."""
    return {name: one.get(name, 0) + other.get(name, 0) for name in sorted({*one, *other})}


class Told:
    """A file that another worker tells in, read again when it has changed.

    Its age is counted from when a change was seen: clocks of other machines may be wrong.
    """

    def __init__(self, path: Path, run: str, clock: Callable[[], float]) -> None:
        self._path, self._run, self._clock = path, run, clock
        self._changed = 0
        self._reading: Reading | None = None
        self._seen = clock()

    def look(self) -> tuple[Reading, float] | None:
        """What it says and how old that is, in seconds; None if it says nothing of this run."""
        with suppress(OSError):
            changed = self._path.stat().st_mtime_ns
            if changed != self._changed:
                found = read_as(self._path, Reading)
                self._reading = found if found is not None and found.run == self._run else None
                self._changed, self._seen = changed, self._clock()
        return None if self._reading is None else (self._reading, self._clock() - self._seen)


class Readings:
    """What the other workers have read, as this one knows it; it tells its own in a file.

    Args:
        folder: of the files.
        rank: of this worker, of so many; the first one looks, and the others tell.
        run: the same for all workers of this run, and for no other run.
        clock: one that never jumps.
    """

    def __init__(
        self,
        folder: Path,
        rank: int = 0,
        size: int = 1,
        run: str = "",
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._file, self._run, self._clock = folder / f"{rank}.json", run, clock
        self._told = [Told(folder / f"{n}.json", run, clock) for n in range(size) if n != rank]
        # What nobody has told of yet is not known.
        self._heard = Reading(lag=0 if size == 1 else None)
        self._heard_at = clock()
        self._partitions: dict[str, tuple[PartitionState, float]] = {}

    def hear(self, others: Reading) -> None:
        """Take over what the others have said while all agreed; of partitions perhaps nothing."""
        now = self._clock()
        self._heard, self._heard_at = others, now
        heard = {name: (state, now) for name, state in others.partitions.items()}
        self._partitions = {**self._partitions, **heard}

    def tell(self, own: Reading) -> None:
        """Write this worker's file; a full disk is no error, as who looks is told how old it is."""
        with suppress(OSError):
            write_json(self._file, asdict(replace(own, run=self._run)), durable=False)

    def look(self) -> Reading:
        """What the others have read, by what is newest: their files, or what was heard."""
        now = self._clock()
        told = [found for one in self._told if (found := one.look()) is not None]
        whole, age = self._heard, now - self._heard_at
        if told and len(told) == len(self._told) and max(a for _, a in told) < age:
            whole = together(reading for reading, _ in told)
        partitions = {name: (state, now - at) for name, (state, at) in self._partitions.items()}
        for reading, seconds in told:
            for name, state in reading.partitions.items():
                if name not in partitions or seconds < partitions[name][1]:
                    partitions[name] = state, seconds
        aged = {n: replace(s, age_s=round(a, 1)) for n, (s, a) in sorted(partitions.items())}
        return replace(whole, partitions=aged)
