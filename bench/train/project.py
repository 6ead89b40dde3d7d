"""A project of `millstream run`, as its users have one, and the processes that work on it."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from bench.ingest.records import CATEGORIES, FEATURES
from bench.ingest.topics import Topic, fill
from millstream.durable import read_as
from millstream.rounds.store import RoundFolder, RoundStore
from millstream.stack.kafka import EmbeddedKafka
from millstream.watch.board import LiveState

__all__ = [
    "PATIENCE_S",
    "Project",
    "cpu_seconds",
    "make_project",
    "running",
    "serving",
    "wait_until",
]

PATIENCE_S = 180.0
CONFIG = """
[kafka]
topics = ["{topic}"]
bootstrap_servers = "{servers}"
start = "earliest"
check = "all"

[schema]
label = {{ name = "y", type = "int32" }}

[schema.features]
{features}

[sample]
window = {window}
holdout = 0.2
holdout_rows = 1000

[train]
model = "models:{model}"
task = "binary"
batch_size = 256
epochs = 1

[trigger]
records = {records}
max_records = {records}

[compress]
rungs = []

[registry]
name = "bench"
"""


@dataclass(frozen=True)
class Project:
    """A folder with a configuration and a model file."""

    folder: Path

    @property
    def state(self) -> Path:
        """What the service keeps."""
        return self.folder / ".millstream"

    def live(self) -> LiveState | None:
        """What the service told of itself last."""
        return read_as(self.state / "status.json", LiveState)

    def rounds(self) -> list[RoundFolder]:
        """Those that were trained and published."""
        complete = RoundStore(self.state / "rounds").complete()
        return [folder for folder in complete if folder.number and folder.published() is not None]


def make_project(folder: Path, servers: str, topic: str, **values: object) -> Project:
    """A project on a topic of the records of 208 bytes; `values` are those of its configuration."""
    folder.mkdir(parents=True)
    words = ", ".join(f'"{word}"' for word in CATEGORIES)
    features = [f'{name} = "float32"' for name in FEATURES]
    features.append(f'cat = {{ type = "category", vocabulary = [{words}] }}')
    text = CONFIG.format(topic=topic, servers=servers, features="\n".join(features), **values)
    (folder / "millstream.toml").write_text(text)
    shutil.copyfile(Path(__file__).with_name("models.py"), folder / "models.py")
    return Project(folder)


@contextmanager
def serving(data: Path, records: int) -> Iterator[tuple[EmbeddedKafka, str]]:
    """A broker with a topic of records of 208 bytes of JSON, which is written once and kept."""
    data.mkdir(parents=True, exist_ok=True)
    with EmbeddedKafka(data / "kafka-4", heap="1g") as broker:
        topic = Topic("json208", "lz4", records, 16_384)
        fill(broker.bootstrap_servers, [topic])
        yield broker, topic.name


@contextmanager
def running(project: Project, *arguments: str, **environment: str) -> Iterator[psutil.Popen]:
    """`millstream run` while the body runs; ended at its end.

    Raises:
        RuntimeError: the service failed; with what it printed.
    """
    output = project.folder / "output.txt"
    command = [sys.executable, "-m", "millstream", "run", *arguments]
    with output.open("wb") as file:
        process = psutil.Popen(
            command,
            cwd=project.folder,
            env={**os.environ, **environment},
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=subprocess.STDOUT,
        )
        try:
            yield process
        except RuntimeError as error:
            error.add_note(output.read_text())
            raise
        finally:
            if process.poll() is None:
                process.send_signal(signal.SIGTERM)
            _end(process)
    if process.returncode not in (0, None):
        raise RuntimeError(f"millstream run: exit code {process.returncode}\n{output.read_text()}")


def _end(process: psutil.Popen) -> None:
    """Wait for the end; what does not come to one is killed, its workers too."""
    try:
        process.wait(60)
    except psutil.TimeoutExpired:
        for each in [process, *process.children(recursive=True)]:
            each.kill()
        process.wait()


def wait_until(ready: Callable[[], bool], process: psutil.Popen, what: str, every: float) -> None:
    """Wait for something that a service does.

    Raises:
        RuntimeError: it has ended, or takes longer than three minutes.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not ready():
        if process.poll() is not None:
            raise RuntimeError(f"millstream run ended before {what}")
        if time.monotonic() > deadline:
            raise RuntimeError(f"no {what} within {PATIENCE_S:.0f} s")
        time.sleep(every)


def cpu_seconds(process: psutil.Process) -> float:
    """What a process and its children have used so far."""
    total = 0.0
    for each in [process, *process.children(recursive=True)]:
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:
            continue
        total += times.user + times.system
    return total
