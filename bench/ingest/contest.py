"""Runs contestants beside each other: interleaved, a process each, the median of several laps."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.ingest.records import make_pool
from bench.ingest.topics import PARTITIONS, Topic

__all__ = ["ROOT", "Contestant", "Outcome", "missing", "race"]

ROOT = Path(__file__).parent.parent.parent
PEERS = ROOT / ".bench" / "peers"
TFIO = ROOT / ".bench" / "tfio" / "bin" / "python"
MOST_S = 900


@dataclass(frozen=True)
class Contestant:
    """One way of reading a topic.

    Attributes:
        name: for people.
        module: in `bench.ingest.contestants`.
        needs: a package that must be installed beside millstream, or "tensorflow-io"; "" for none.
        most: records that it reads at most, for those that take minutes.
        whole: it reads a multiple of so many, for it waits where the topic ends.
        options: that its module knows.
        kafka_3: it reads from the Kafka 3.9 broker.
    """

    name: str
    module: str
    needs: str = ""
    most: int | None = None
    whole: int = 1
    options: Mapping[str, Any] = field(default_factory=dict)
    kafka_3: bool = False

    def records(self, topic: Topic) -> int:
        """How many records of a topic it reads."""
        most = min(topic.records, self.most or topic.records)
        return most // self.whole * self.whole or most


@dataclass(frozen=True)
class Outcome:
    """What became of a contestant.

    Attributes:
        rates: records/s of each lap.
        facts: what the last lap told besides.
        failure: why there are no rates; "" when there are.
    """

    rates: tuple[float, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    failure: str = ""

    @property
    def rate(self) -> float | None:
        """The median; None when it failed, or had all its records at once."""
        return statistics.median(self.rates) if self.rates else None


def missing(contestant: Contestant) -> str:
    """Why a contestant cannot take part here; "" when it can."""
    if contestant.needs == "tensorflow-io":
        return "" if TFIO.exists() else "tensorflow-io is not installed in .bench/tfio"
    if not contestant.needs:
        return ""
    code = f"import importlib.util as u, sys; sys.exit(u.find_spec('{contestant.needs}') is None)"
    found = subprocess.run([sys.executable, "-c", code], env=environment(), check=False)
    return f"{contestant.needs} is not installed" if found.returncode else ""


def race(
    contestants: Sequence[Contestant],
    topic: Topic,
    servers: Mapping[bool, str],
    repeats: int,
) -> dict[str, Outcome]:
    """Let all read a topic: one lap each to warm up and to be checked, then A B C, A B C, ...

    Args:
        contestants: those that can take part; the first is ours and may not fail.
        topic: to read.
        servers: by whether the broker is Kafka 3.9.
        repeats: timed laps.

    Raises:
        RuntimeError: ours failed, or a contestant read anything but the first records of the topic.
    """
    laps: dict[str, list[dict[str, Any]]] = {contestant.name: [] for contestant in contestants}
    failed: dict[str, str] = {}
    for number in range(repeats + 1):
        for contestant in contestants:
            if contestant.name in failed:
                continue
            try:
                lap = run(contestant, topic, servers[contestant.kafka_3], check=number == 0)
            except ChildProcessError as error:
                if contestant is contestants[0]:
                    raise RuntimeError(f"{contestant.name}: {error}") from error
                failed[contestant.name] = str(error)
                continue
            inspect(contestant, topic, lap)
            if number:
                laps[contestant.name].append(lap)
    return {
        name: Outcome(failure=failed[name]) if name in failed else outcome(found)
        for name, found in laps.items()
    }


def run(contestant: Contestant, topic: Topic, servers: str, *, check: bool) -> dict[str, Any]:
    """One lap of one contestant.

    Raises:
        ChildProcessError: with the end of what it said.
    """
    task = {
        "servers": servers,
        "topic": topic.name,
        "records": contestant.records(topic),
        "partitions": PARTITIONS,
        "check": check,
        "options": dict(contestant.options),
    }
    python = str(TFIO) if contestant.needs == "tensorflow-io" else sys.executable
    command = [python, "-m", f"bench.ingest.contestants.{contestant.module}", json.dumps(task)]
    try:
        done = subprocess.run(
            command,
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            check=False,
            timeout=MOST_S,
        )
    except subprocess.TimeoutExpired as error:
        raise ChildProcessError(f"not done after {MOST_S} s") from error
    lines = [line for line in done.stdout.splitlines() if line.startswith("{")]
    if done.returncode or not lines:
        raise ChildProcessError(f"exit code {done.returncode}: {done.stderr.strip()[-1500:]}")
    return dict(json.loads(lines[-1]))


def environment() -> dict[str, str]:
    """Ours, with the peers on the path and little to be said by TensorFlow."""
    quiet = {"TF_CPP_MIN_LOG_LEVEL": "2", "CUDA_VISIBLE_DEVICES": "-1"}
    return {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{PEERS}", **quiet}


def inspect(contestant: Contestant, topic: Topic, lap: Mapping[str, Any]) -> None:
    """Compare what was read with what the topic holds.

    Raises:
        RuntimeError: it differs.
    """
    wanted, found = contestant.records(topic), lap["records"]
    if found < wanted:
        raise RuntimeError(f"{contestant.name}: read {found:,} of {wanted:,} records")
    for place, (count, summed) in lap["offsets"].items():
        if summed != count * (count - 1) // 2:
            raise RuntimeError(
                f"{contestant.name}: partition {place}: the offsets of {count:,} records add up"
                f" to {summed:,}"
            )
    if found != topic.records:
        return
    pool = make_pool(topic.kind, topic.records)
    for name, expected in (("bytes", pool.byte_sum), ("labels", pool.label_sum)):
        if name in lap and lap[name] != expected(topic.records):
            raise RuntimeError(
                f"{contestant.name}: {name} add up to {lap[name]:,},"
                f" expected {expected(topic.records):,}"
            )


def outcome(laps: Sequence[Mapping[str, Any]]) -> Outcome:
    """The rates of some laps."""
    rates = [lap["timed"] / lap["seconds"] for lap in laps if lap["seconds"] > 0]
    return Outcome(tuple(rates), laps[-1] if laps else {})
