"""How much processor time the page's process takes, with no viewer and with a hundred.

    python -m bench.page [--viewers 100] [--seconds 20]

A thread writes the state four times a second as a service does, with 32 partitions; the viewers,
in a process of their own, read what they are sent. The page is the real one, as `millstream run`
starts it. What it takes is what a trainer on the same cores can lose at most; it yields to it, by
a lower priority.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import psutil

from millstream.board import Board
from millstream.config import load_config
from millstream.flow import PartitionState
from millstream.page.server import serving_page
from millstream.template import write_template

PARTITIONS = 32
EVERY_S = 0.25
WARM_UP_S = 5.0
ASK = b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n"


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


async def view(port: int, count: int, seconds: float) -> int:
    """Bytes that so many viewers were sent."""

    async def one() -> int:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(ASK)
        got = 0
        try:
            async with asyncio.timeout(seconds):
                while chunk := await reader.read(65536):
                    got += len(chunk)
        except TimeoutError:
            pass
        writer.close()
        return got

    return sum(await asyncio.gather(*(one() for _ in range(count))))


def viewers(port: int, count: int, seconds: float, told: multiprocessing.Queue[int]) -> None:
    """The process of the viewers."""
    told.put(asyncio.run(view(port, count, seconds)))


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
            children = psutil.Process().children(recursive=True)
            [process] = [
                child
                for child in children
                if child.cmdline()[1:4] == ["-P", "-m", "millstream.page.serve"]
            ]
            yield urlsplit(line.split()[1]).port or 0, process
        finally:
            end.set()
            writer.join()


def share(process: psutil.Process, port: int, count: int, seconds: float) -> tuple[float, int]:
    """The part of one core that the page takes, and the bytes that it sends."""
    told: multiprocessing.Queue[int] = multiprocessing.Queue()
    crowd = multiprocessing.Process(target=viewers, args=(port, count, seconds + 2, told))
    crowd.start()
    time.sleep(1.5)
    before, begun = process.cpu_times(), time.monotonic()
    time.sleep(seconds - 1.5)
    after, took = process.cpu_times(), time.monotonic() - begun
    sent = told.get()
    crowd.join()
    used = after.user + after.system - before.user - before.system
    return used / took, sent


def main() -> None:
    """Measure, and print a line for each number of viewers."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--viewers", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=20.0)
    given = parser.parse_args()
    with (
        tempfile.TemporaryDirectory() as folder,
        page_of_a_service(Path(folder) / "p") as (port, process),
    ):
        for count in (0, 1, given.viewers):
            used, sent = share(process, port, count, given.seconds)
            rate = sent / (given.seconds + 2) / 1000
            print(
                f"{count:4d} viewers: {100 * used:5.1f} % of a core, {rate:7.1f} kB/s sent,"
                f" {process.memory_info().rss / 1e6:.0f} MB resident"
            )


if __name__ == "__main__":
    main()
