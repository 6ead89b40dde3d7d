"""Whether what a process uses stays: the slope of the end of a run, and how much it may be.

The slope is Theil and Sen's: the median of the slopes of all pairs of looks (Sen 1968). A round's
rise and fall, and a single peak, do not move it; up to 29 % of the looks may be anything.

A process counts if it lives from the middle of the run to its end, with its looks of the last two
fifths. Before is the warm-up: functions are traced, arenas of the allocator and caches fill. The
server of MLflow is told of and not judged: it is no process of the service.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

import numpy as np
from scipy.stats import theilslopes

from tests.soak.processes import Usage

__all__ = [
    "BOUNDS",
    "JUDGED_S",
    "LEAST",
    "WARM_UP",
    "Slope",
    "disk_per_round",
    "per_hour",
    "too_steep",
]

MB = 1e6
BOUNDS = {"memory_mb": 60.0, "handles": 10.0, "threads": 10.0}
"""Most growth in an hour. A round every six seconds that leaves 100 kB behind is 60 MB an hour;
one that leaves a file or a thread behind every minute is 60 an hour, and each round 600."""
LEAST = {"memory_mb": 0.0, "handles": 3.0, "threads": 3.0}
"""A rise of no more over the looks that count is none: two threads that a pool begins late, for
good, are 14 an hour of a run of twenty minutes, and 5 of one of an hour."""
DISK_KB = 100.0
"""Most that a round may leave in the state folder for ever: its plan, report and outcome."""
WARM_UP = 0.6
"""Share of a run."""
JUDGED_S = 240.0
"""An end that is shorter shows the warm-up, and is told but not judged."""
FEW = 10


@dataclass(frozen=True)
class Slope:
    """How what a process uses grew at the end of a run.

    Attributes:
        part: whose process it is.
        pid: which.
        level: the median of each kind.
        growth: of each kind in an hour.
        hours: that the looks took.
    """

    part: str
    pid: int
    level: dict[str, float]
    growth: dict[str, float]
    hours: float


def per_hour(looks: Sequence[Usage], end: float) -> list[Slope]:
    """The slope of each process that lived from the middle to the end of a run of `end` seconds."""
    by_process: dict[tuple[str, int, float], list[Usage]] = defaultdict(list)
    for look in looks:
        by_process[look.part, look.pid, look.began].append(look)
    found = []
    for (part, pid, _), all_of_it in sorted(by_process.items()):
        whole = all_of_it[0].at <= 0.52 * end and all_of_it[-1].at >= 0.95 * end
        late = [look for look in all_of_it if look.at >= WARM_UP * end]
        if not whole or len(late) < FEW:
            continue
        series = {
            "memory_mb": [look.memory / MB for look in late],
            "handles": [float(look.handles) for look in late],
            "threads": [float(look.threads) for look in late],
        }
        at = [look.at / 3600 for look in late]
        level = {kind: round(median(values), 1) for kind, values in series.items()}
        growth = {kind: slope(values, at) for kind, values in series.items()}
        found.append(Slope(part, pid, level, growth, at[-1] - at[0]))
    return found


def slope(values: Sequence[float], at: Sequence[float]) -> float:
    """Theil and Sen's."""
    return round(float(theilslopes(values, at).slope), 2)


def too_steep(slopes: Sequence[Slope]) -> list[str]:
    """What grows by more than it may, in words."""
    return [
        f"{one.part} ({one.pid}): {kind} grows by {grown:g} an hour, and may by {BOUNDS[kind]:g}"
        for one in slopes
        if one.part != "mlflow"
        for kind, grown in one.growth.items()
        if grown > BOUNDS[kind] and grown * one.hours > LEAST[kind]
    ]


def disk_per_round(disk: Sequence[tuple[float, int, int]], end: float) -> float | None:
    """Kilobytes that a round of the end left behind; None if there were too few rounds."""
    late = [(rounds, size) for at, rounds, size in disk if at >= WARM_UP * end]
    rounds = np.array([each for each, _ in late], float)
    if len(late) < FEW or np.ptp(rounds) < 2:
        return None
    return slope([size / 1e3 for _, size in late], rounds.tolist())
