"""How much processor time the page's process takes, with no viewer, with one and with many.

A thread writes the state four times a second as a service does, with 32 partitions. The page is
the real one, as `millstream run` starts it. What it takes is what a trainer on the same cores can
lose at most; it yields to it, by a lower priority.
"""

from __future__ import annotations

import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from bench.page.crowd import crowd
from millstream.config.config import load_config
from millstream.page.server import serving_page
from millstream.template import write_template
from millstream.watch.board import Board
from millstream.watch.flow import PartitionState

__all__ = ["page_process", "serving", "used"]

PARTITIONS = 32
EVERY_S = 0.25
WARM_UP_S = 5.0


def serving(viewers: int, seconds: float) -> dict[str, float]:
    """Measure, print, and give the numbers."""
    found = {}
    print("\nThe page's process, of a service with 32 partitions\n")
    with (
        tempfile.TemporaryDirectory() as folder,
        page_of_a_service(Path(folder) / "p") as (port, process),
    ):
        for count in (0, 1, viewers):
            with crowd(port, count) as watching:
                begun, before = time.monotonic(), used(process)
                time.sleep(seconds)
                share = (used(process) - before) / (time.monotonic() - begun)
            rate = watching.received / (time.monotonic() - begun) / 1000
            found[f"page_of_a_core_{count}_viewers"] = share
            print(
                f"{count:4d} viewers: {100 * share:5.1f} % of a core, {rate:7.1f} kB/s sent,"
                f" {process.memory_info().rss / 1e6:.0f} MB resident"
            )
    return found


def used(process: psutil.Process | None) -> float:
    """Seconds of processor time that a process has used so far; 0 for none."""
    if process is None:
        return 0.0
    times = process.cpu_times()
    return float(times.user + times.system)


def page_process(service: psutil.Process) -> psutil.Process:
    """The process of the page that a service serves.

    Raises:
        RuntimeError: there is none.
    """
    for child in service.children(recursive=True):
        if child.cmdline()[1:4] == ["-P", "-m", "millstream.page.serve"]:
            return child
    raise RuntimeError("the service has no page")


@contextmanager
def page_of_a_service(folder: Path) -> Iterator[tuple[int, psutil.Process]]:
    """The port of a page, and its process."""
    write_template(folder)
    file = folder / "millstream.toml"
    file.write_text(file.read_text() + "\n[page]\nport = 0\n")
    config, end = load_config(file), threading.Event()
    with serving_page(config, [file]) as line:
        writer = threading.Thread(target=write_states, args=(config.state_dir, end))
        writer.start()
        try:
            time.sleep(WARM_UP_S)
            yield urlsplit(line.split()[1]).port or 0, page_process(psutil.Process())
        finally:
            end.set()
            writer.join()


def write_states(folder: Path, end: threading.Event) -> None:
    """Be a service that reads 40,000 records a second."""
    board, read = Board(folder / "status.json"), 0
    while not end.wait(EVERY_S):
        read += 10_000
        each = {
            f"events[{number}]": PartitionState(read + number, read, number, 1250.0)
            for number in range(PARTITIONS)
        }
        board.count(read, read // 1000, read % 30_000)
        board.update(phase="running", step=1, lag=496, partitions=each)
        board.save()
