"""What viewers of the page cost the trainer: its steps a second while they watch, and without.

The trainer is `millstream run` in one long round: a model of a million weights takes all cores.
Its page is the one that it starts itself, and tells of epochs and losses as they come. Laps with
viewers and without take turns (A B B A A B B A ...), so that what drifts falls on both; the median
of the ratios of pairs counts.
"""

from __future__ import annotations

import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import astuple, dataclass
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psutil

from bench.page.crowd import crowd
from bench.page.serving import page_process, used
from bench.train.project import Project, cpu_seconds, make_project, running, serving, wait_until
from millstream.page.server import find_page

__all__ = ["Lap", "order", "rate", "training"]

RECORDS = 50_000
WARM_UP_S = 5.0
SETTLE_S = 1.0
FEWEST_MARKS = 5
MARK = np.dtype([("steps", "<i8"), ("at", "<f8")])


@dataclass(frozen=True)
class Lap:
    """What was seen while so many viewers watched.

    Attributes:
        rate: steps of training a second.
        page: part of a core that the page's process took.
        crowd: part of a core that the viewers' process took.
        states: told to each viewer, a second.
        idle: part of all cores that had nothing to do.
        others: part of all cores that programs had which are not of this benchmark.
    """

    rate: float
    page: float
    crowd: float
    states: float
    idle: float
    others: float


def training(data: Path, viewers: int, pairs: int, seconds: float) -> dict[str, float]:
    """Measure, print, and give the numbers."""
    with serving(data, RECORDS) as (broker, topic), tempfile.TemporaryDirectory() as place:
        project = one_long_round(Path(place) / "project", broker.bootstrap_servers, topic)
        with running(project) as service:
            wait_until(lambda: len(marks(project)) > FEWEST_MARKS, service, "a step", 0.1)
            time.sleep(WARM_UP_S)
            url = find_page(project.state)
            if url is None:
                raise RuntimeError("the service has no page")
            page, port = page_process(service), urlsplit(url).port or 0
            lap = partial(watched, project, page, port, seconds)
            return told(in_turns(lap, viewers, pairs), viewers, seconds)


def one_long_round(folder: Path, servers: str, topic: str) -> Project:
    """A project that trains on the same rows until it is ended."""
    project = make_project(folder, servers, topic, records=RECORDS, window=RECORDS, model="million")
    file = folder / "millstream.toml"
    endless = 'epochs = 1000000\npatience = 1000000\ncallbacks = "pulse:make"\n'
    text = file.read_text().replace("epochs = 1\n", endless)
    file.write_text(f"{text}\n[page]\nport = 0\n")
    shutil.copyfile(Path(__file__).with_name("pulse.py"), folder / "pulse.py")
    return project


def in_turns(lap: Callable[[int], Lap], viewers: int, pairs: int) -> dict[int, list[Lap]]:
    """The laps without viewers and with them, pair by pair."""
    laps: dict[int, list[Lap]] = {0: [], viewers: []}
    for count in order(viewers, pairs):
        laps[count].append(lap(count))
    return laps


def order(viewers: int, pairs: int) -> list[int]:
    """How many watch in each lap: none, all, all, none, none, all, ..."""
    return [count for pair in range(pairs) for count in sorted((0, viewers), reverse=pair % 2 == 1)]


def watched(project: Project, page: psutil.Process, port: int, seconds: float, count: int) -> Lap:
    """One lap with so many viewers of a page, which a process serves on a port."""
    with crowd(port, count) as watching:
        time.sleep(SETTLE_S)

        def look() -> np.ndarray:
            ours = cpu_seconds(psutil.Process())  # the service, the broker and viewers with it
            return np.array([time.monotonic(), used(page), used(watching.process), ours, idle()])

        before = look()
        time.sleep(seconds)
        after = look()
    took, of_page, of_crowd, of_ours, of_none = after - before
    return Lap(
        rate=rate(marks(project), before[0], after[0]),
        page=of_page / took,
        crowd=of_crowd / took,
        states=watching.states / (took + SETTLE_S),
        idle=of_none / took / (os.cpu_count() or 1),
        others=max(0.0, 1 - (of_ours + of_none) / took / (os.cpu_count() or 1)),
    )


def idle() -> float:
    """Seconds that cores had nothing to do so far, or were taken by the host."""
    times = psutil.cpu_times()
    return float(times.idle + times.iowait + times.steal)


def marks(project: Project) -> np.ndarray:
    """The batches that were trained, and when; empty before the first."""
    try:
        content = (project.folder / "pulse.bin").read_bytes()
    except FileNotFoundError:
        content = b""
    return np.frombuffer(content, MARK, count=len(content) // MARK.itemsize)


def rate(seen: np.ndarray, begin: float, end: float) -> float:
    """Steps a second, from the first mark after `begin` to the last one before `end`.

    Raises:
        RuntimeError: there are hardly any.
    """
    inside = seen[(seen["at"] >= begin) & (seen["at"] <= end)]
    if len(inside) < FEWEST_MARKS:
        raise RuntimeError("the service hardly trains; see what it printed, or take longer laps")
    first, last = inside[0], inside[-1]
    return float((last["steps"] - first["steps"]) / (last["at"] - first["at"]))


def told(laps: dict[int, list[Lap]], viewers: int, seconds: float) -> dict[str, float]:
    """Print, and give the numbers."""
    pairs = len(laps[0])
    print(f"\nTraining while {viewers} viewers watch: {pairs} pairs of laps of {seconds:.0f} s\n")
    print("| viewers | steps/s | page | viewers' own | states to each | cores idle | others |")
    print("| ------: | ------: | ---: | -----------: | -------------: | ---------: | -----: |")
    middle = {count: median(done) for count, done in laps.items()}
    for count, lap in middle.items():
        print(
            f"| {count:7d} | {lap.rate:7.1f} | {lap.page:4.1%} | {lap.crowd:12.1%} |"
            f" {lap.states:12.1f}/s | {lap.idle:10.1%} | {lap.others:6.1%} |"
        )
    ratios = sorted(b.rate / a.rate for a, b in zip(laps[0], laps[viewers], strict=True))
    ratio = statistics.median(ratios)
    cores, many, none = os.cpu_count() or 1, middle[viewers], middle[0]
    taken = (many.page + many.crowd - none.page) / cores
    print(
        f"\nwith viewers over without: {ratio:.4f} (pairs: {ratios[0]:.4f} to {ratios[-1]:.4f});"
        f" page and viewers took {taken:.2%} more of all {cores} cores\n"
        "page and viewers' own: parts of one core; idle and others: of all",
        flush=True,
    )
    return {"trained_with_viewers": ratio, "taken_by_viewers": taken, "viewers": viewers}


def median(laps: list[Lap]) -> Lap:
    """The middle of each number."""
    return Lap(*(statistics.median(column) for column in zip(*map(astuple, laps), strict=True)))
