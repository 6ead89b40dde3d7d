"""`make bench-ingest ARGS="--records 200000 --repeats 1 --only columns"`."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path

from bench.ingest.contest import PEERS, ROOT, TFIO, missing, race
from bench.ingest.parts import PARTS, Part
from bench.ingest.report import print_memory, print_results, print_table
from bench.ingest.topics import LINGER_MS, PARTITIONS, fill
from millstream.stack.jars import KAFKA, KAFKA_3, kafka_version, read_lock
from millstream.stack.kafka import EmbeddedKafka

__all__ = ["main"]


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure the parts that are asked for and print what came of it."""
    asked = _parse(arguments)
    sys.path.append(str(PEERS))
    parts = [part for part in PARTS if part.name in asked.only]
    _print_setting(asked)
    results: dict[str, float | None] = {}
    with ExitStack() as stack:
        servers = {False: asked.servers or _start(stack, asked.data, kafka_3=False)}
        if TFIO.exists() and any(c.kafka_3 for part in parts for c in part.contestants):
            servers[True] = _start(stack, asked.data, kafka_3=True)
        for part in parts:
            results |= run_part(part, asked.records, asked.batch_size, servers, asked.repeats)
    print_results(results)


def run_part(
    part: Part, records: int, batch_size: int, servers: Mapping[bool, str], repeats: int
) -> dict[str, float | None]:
    """Measure a part, print its table, and give its numbers."""
    skipped = {item.name: reason for item in part.contestants if (reason := missing(item))}
    present = [item for item in part.contestants if item.name not in skipped]
    topics = part.make_topics(records, batch_size)
    for is_3 in {item.kafka_3 for item in present}:
        fill(servers[is_3], topics)
    table = {topic: race(present, topic, servers, repeats) for topic in topics}
    print_table(part, table, skipped)
    for outcomes in table.values():
        for outcome in outcomes.values():
            print_memory(outcome)
    return part.results(table)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    names = [part.name for part in PARTS]
    parser = argparse.ArgumentParser("bench-ingest", description="Kafka to columns and tensors.")
    parser.add_argument("--records", type=int, default=2_000_000, help="in a topic")
    parser.add_argument("--repeats", type=int, default=5, help="timed laps of each contestant")
    parser.add_argument("--batch-size", type=int, default=16_384, help="the producer's, in bytes")
    parser.add_argument("--only", default=",".join(names), help="parts, with commas between")
    parser.add_argument("--servers", default="", help="a Kafka 4 that runs already")
    parser.add_argument("--data", type=Path, default=ROOT / ".bench" / "data")
    asked = parser.parse_args(arguments)
    asked.only = asked.only.split(",")
    if unknown := set(asked.only) - set(names):
        parser.error(f"--only: no part {', '.join(sorted(unknown))}; there are {', '.join(names)}")
    return asked


def _print_setting(asked: argparse.Namespace) -> None:
    versions = [kafka_version(read_lock(lock)) for lock in (KAFKA, KAFKA_3)]
    print(f"{os.cpu_count()} cores; Kafka {versions[0]} ({versions[1]} for tensorflow-io)")
    print(
        f"{asked.records:,} records in {PARTITIONS} partitions, written with"
        f" batch.size={asked.batch_size} and linger.ms={LINGER_MS}; one lap to warm up and to check"
        f" what is read, then the median of {asked.repeats}, contestants taking turns",
        flush=True,
    )


def _start(stack: ExitStack, data: Path, *, kafka_3: bool) -> str:
    name, lock = ("kafka-3", KAFKA_3) if kafka_3 else ("kafka-4", KAFKA)
    broker = EmbeddedKafka(data / name, heap="1g", lock=lock)
    return stack.enter_context(broker).bootstrap_servers


if __name__ == "__main__":
    main()
