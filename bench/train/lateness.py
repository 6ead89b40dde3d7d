"""From a record's timestamp to a promoted version that has learned it: the demo, as a stream.

A version that the gate refuses is none; its records wait for the next one that is promoted.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from bench.train.overhead import parts_of
from bench.train.project import Project, running, wait_until
from ingest import KafkaSource
from millstream.cli.demo import prepare
from millstream.local import ensure_topics
from millstream.rounds.store import RoundFolder
from millstream.stack.kafka import EmbeddedKafka

__all__ = ["Promotion", "lateness", "promotions", "waits"]

TOPIC = "flights"
RATE = 5_000
ROUND_S = 2
ROUND = ("wait", "broker", "decode", "cut", "plan", "test", "train", "checkpoint")
PARTS = (*ROUND, "export", "gate", "register")


@dataclass(frozen=True)
class Promotion:
    """The offset ranges of a round, by partition, and when a version with it was promoted.

    Attributes:
        ranges: first offset, and the one after the last, by partition.
        time_ms: since the epoch; None if that has not happened.
    """

    ranges: Mapping[int, tuple[int, int]]
    time_ms: float | None


def lateness(data: Path, seconds: float, streams: int, rate: int = RATE) -> dict[str, float]:
    """Measure, print, and give the numbers: the median of some streams, each with a new service."""
    data.mkdir(parents=True, exist_ok=True)
    each = [one_stream(data, seconds, rate) for _ in range(streams)]
    print(f"\n{', '.join(f'{one:.2f}' for one in each)} s", flush=True)
    return {"event_to_version_s": statistics.median(each)}


def one_stream(data: Path, seconds: float, rate: int) -> float:
    """Seconds within which half of a stream's records came to be in a version; prints the parts."""
    with tempfile.TemporaryDirectory(dir=data) as place:
        with EmbeddedKafka(Path(place) / "kafka") as broker:
            servers = broker.bootstrap_servers
            ensure_topics({"bootstrap_servers": servers}, [TOPIC])
            project = make_demo(Path(place) / "project", servers)
            stream(project, servers, int(rate * seconds), rate)
            stamps = timestamps(servers)
        rounds = project.rounds()
        found = waits(promotions(rounds), stamps)
        return told(rounds, found, sum(map(len, stamps.values())))


def make_demo(folder: Path, servers: str) -> Project:
    """The demo's project; a round begins every two seconds."""
    prepare(folder)
    path = folder / "millstream.toml"
    before, after = path.read_text().split("[trigger]")
    before = before.replace("[kafka]", f'[kafka]\nbootstrap_servers = "{servers}"')
    rest = after[after.index("[registry]") :]
    path.write_text(f"{before}[trigger]\nseconds = {ROUND_S}\n\n{rest}")
    return Project(folder)


def stream(project: Project, servers: str, records: int, rate: int) -> None:
    """Send the flights while the service runs, until it has published what it was sent."""
    command = [sys.executable, "-m", "millstream.demo.producer", "--bootstrap-servers", servers]
    command += ["--rate", str(rate), "--limit", str(records)]
    with running(project, "--stop-when-idle", "15") as process:

        def is_running() -> bool:
            live = project.live()
            return live is not None and live.phase == "running"

        wait_until(is_running, process, "service", 0.1)
        subprocess.run(command, check=True)
        wait_until(lambda: process.poll() is not None, process, "end", 0.2)


def timestamps(servers: str) -> dict[int, np.ndarray]:
    """Milliseconds since the epoch of all records, by partition and offset."""
    source = KafkaSource((TOPIC,), {"bootstrap_servers": servers}, "earliest")
    found: dict[int, list[np.ndarray]] = {}
    try:
        end = source.end()
        while source.position() != end:
            for batch in source.poll(0.5):
                found.setdefault(batch.partition, []).append(batch.timestamps.copy())
    finally:
        source.close()
    return {partition: np.concatenate(parts) for partition, parts in found.items()}


def promotions(rounds: Sequence[RoundFolder]) -> list[Promotion]:
    """Of each round; what a refused version has learned, the next promoted one has too."""
    found: list[Promotion] = []
    time_ms = None
    for folder in reversed(rounds):
        if (folder.published() or {})["promoted"]:
            time_ms = (folder.path / "published.json").stat().st_mtime * 1000
        ranges = {each.partition: (each.start, each.end) for each in folder.plan().ranges}
        found.append(Promotion(ranges, time_ms))
    return found[::-1]


def waits(promoted: Sequence[Promotion], stamps: Mapping[int, np.ndarray]) -> np.ndarray:
    """Seconds from its timestamp to its version, of each record that came to be in one."""
    parts = [
        (each.time_ms - stamps[partition][start:end]) / 1000
        for each in promoted
        if each.time_ms is not None
        for partition, (start, end) in each.ranges.items()
        if end > start
    ]
    return np.concatenate(parts) if parts else np.empty(0)


def told(rounds: Sequence[RoundFolder], found: np.ndarray, sent: int) -> float:
    """Print, and give the median.

    Raises:
        RuntimeError: no version was promoted.
    """
    if not len(found):
        raise RuntimeError("no version was promoted")
    promoted = sum((folder.published() or {})["promoted"] for folder in rounds)
    print(f"\n{sent:,} flights at {RATE:,} records/s, a round every {ROUND_S} s\n")
    for name in PARTS:
        print(f"| {name:<10} | {statistics.median(parts_of(rounds, name)):.3f} s a round |")
    shares = np.percentile(found, [10, 50, 90])
    print(
        f"\n{len(rounds)} rounds, {promoted} versions promoted; {len(found):,} records came to be"
        f" in one: 10 % within {shares[0]:.2f} s, half within {shares[1]:.2f} s, 90 % within"
        f" {shares[2]:.2f} s",
        flush=True,
    )
    return float(shares[1])
