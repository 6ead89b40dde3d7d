"""Two workers over one where reading bounds them: each has one core, all records are decoded.

Counted is what the live status says between a third and two thirds of the records: what comes
before and after is read by one worker alone, as none begins or ends at the same moment as another.
The status comes four times a second, in steps of a fetch of each partition, so it takes some
seconds of reading to say anything. No round begins.

The broker has no core of its own where there are no more than the workers'. So two workers cannot
come to twice the rate of one, beside which it has the other core; `ceiling` is what they could come
to if a record cost what it costs one worker, and what it costs the broker, and no core ever waited:
2 on a machine that has more.
`others` is the part of the cores that neither of them had and that was not idle: above a few
hundredths the numbers say nothing of us. So does a machine whose two cores together are less than
two: `bench.train.cores` is asked before each pair.
"""

from __future__ import annotations

import json
import os
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil

from bench.train.cores import apart, two_cores_vs_one, whole
from bench.train.project import Project, cpu_seconds, make_project, running, serving, wait_until

__all__ = ["Read", "Sample", "ceiling", "reading", "summed_up"]

PINNED = Path(__file__).with_name("pinned")
FROM, TO = 1 / 3, 2 / 3
ENOUGH = 0.8


@dataclass(frozen=True)
class Sample:
    """One look.

    Attributes:
        time: in seconds.
        records: read so far.
        cpu: seconds that all workers used so far.
        broker: seconds that the broker used so far.
        idle: seconds that all cores had nothing to do, or were taken by the host.
    """

    time: float
    records: int
    cpu: float
    broker: float
    idle: float


@dataclass(frozen=True)
class Read:
    """What a run came to.

    Attributes:
        rate: records/s.
        cpu_us: microseconds of processor time of the workers for each record; `broker_us` those of
            the broker.
        idle: part of the cores that had nothing to do; `others` that neither had.
    """

    rate: float
    cpu_us: float
    broker_us: float
    idle: float
    others: float


def reading(data: Path, records: int, pairs: int) -> dict[str, float]:
    """Measure, print, and give the numbers."""
    found: dict[int, list[Read]] = {1: [], 2: []}
    machine = []
    with serving(data, records) as (broker, topic), tempfile.TemporaryDirectory() as place:
        for pair in range(pairs):
            machine.append(two_cores_vs_one())
            for workers, reads in found.items():
                # More than there are: no round begins, and no window is full.
                values = {"records": 10 * records, "window": 2000, "model": "tiny"}
                folder = Path(place) / f"{workers}-{pair}"
                project = make_project(folder, broker.bootstrap_servers, topic, **values)
                samples = watch(project, workers, records, psutil.Process(broker.pid))
                reads.append(summed_up(samples, records))
    return told(found, records, statistics.median(machine))


def told(found: dict[int, list[Read]], records: int, machine: float) -> dict[str, float]:
    """Print, and give the numbers."""
    print(f"\nReading {records:,} records of 208 bytes of JSON, a core for each worker\n")
    for workers, reads in found.items():
        rate, cpu, broker, idle, others = (
            statistics.median(getattr(read, name) for read in reads)
            for name in ("rate", "cpu_us", "broker_us", "idle", "others")
        )
        print(
            f"| workers: {workers} | {rate:>10,.0f} records/s | {cpu:.2f} us of the workers and"
            f" {broker:.2f} us of the broker for a record | cores idle {idle:.2f}, others"
            f" {others:.2f} |"
        )
    most = statistics.median(ceiling(read, len(whole())) for read in found[1])
    print(
        f"ceiling: {most:.2f} times one worker's rate; two loops that share nothing came to"
        f" {machine:.2f} times one"
    )
    two_over_one = zip(found[2], found[1], strict=True)
    pairs = [(two.rate / one.rate, two.cpu_us / one.cpu_us) for two, one in two_over_one]
    return {
        "workers2_vs_1_input_bound": statistics.median(rate for rate, _ in pairs),
        "workers2_vs_1_ceiling": most,
        "workers2_vs_1_machine": machine,
        "workers2_vs_1_cpu_per_record": statistics.median(cpu for _, cpu in pairs),
    }


def watch(project: Project, workers: int, records: int, broker: psutil.Process) -> Sequence[Sample]:
    """Look at a run until it has read enough, then end it."""
    cores = json.dumps(apart())
    environment = {"PYTHONPATH": f"{PINNED}{os.pathsep}{Path.cwd()}", "BENCH_CORES": cores}
    samples: list[Sample] = []
    with running(project, "--workers", str(workers), **environment) as process:

        def look() -> bool:
            live = project.live()
            if live is None or live.phase != "running":
                return False
            at = live.updated_ms / 1000
            if not samples or at > samples[-1].time:
                used = cpu_seconds(process), cpu_seconds(broker), idle_seconds()
                samples.append(Sample(at, live.records, *used))
            return live.records >= ENOUGH * records

        wait_until(look, process, "records that were read", 0.01)
    return samples


def summed_up(samples: Sequence[Sample], records: int) -> Read:
    """In the middle of the records; what lies between two looks is a straight line.

    Raises:
        RuntimeError: it was all over before there was a second look.
    """
    counts = np.array([sample.records for sample in samples])
    grows = np.flatnonzero(np.diff(counts, prepend=-1) > 0)
    if len(grows) < 4:
        raise RuntimeError("the records were read within a second; take more (--read)")
    marks = FROM * records, TO * records

    def between(values: Sequence[float]) -> float:
        first, last = np.interp(marks, counts[grows], np.array(values)[grows])
        return float(last - first)

    count, seconds = marks[1] - marks[0], between([sample.time for sample in samples])
    cpu = between([sample.cpu for sample in samples])
    broker = between([sample.broker for sample in samples])
    cores = seconds * (os.cpu_count() or 1)
    idle = between([sample.idle for sample in samples]) / cores
    return Read(
        rate=count / seconds,
        cpu_us=cpu / count * 1e6,
        broker_us=broker / count * 1e6,
        idle=idle,
        others=1 - idle - (cpu + broker) / cores,
    )


def ceiling(one: Read, cores: int) -> float:
    """The most that two workers with a core each could come to, over one, of so many cores."""
    if cores > 2:  # the broker has others
        return 2.0
    return 2 * one.cpu_us / (one.cpu_us + one.broker_us)


def idle_seconds() -> float:
    """Seconds that the cores had nothing to do since the start of the machine."""
    times = psutil.cpu_times()
    return float(times.idle + getattr(times, "iowait", 0.0) + getattr(times, "steal", 0.0))
