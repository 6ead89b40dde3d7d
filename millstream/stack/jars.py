"""The jars of an Apache Kafka broker, pinned: each one's Maven coordinate, size and SHA-256.

`KAFKA` is the broker that this release runs; `KAFKA_3` is the last one that TensorFlow I/O can
talk to.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

__all__ = [
    "KAFKA",
    "KAFKA_3",
    "Jar",
    "format_lock",
    "kafka_version",
    "matches",
    "parse_lock",
    "read_lock",
]

KAFKA = Path(__file__).with_name("kafka.lock")
KAFKA_3 = Path(__file__).with_name("kafka-3.9.lock")
BROKER = "org.apache.kafka:kafka_2.13"


@dataclass(frozen=True)
class Jar:
    """One jar of Maven Central; `size` in bytes, `sha256` in hex."""

    group: str
    artifact: str
    version: str
    size: int
    sha256: str

    @property
    def file_name(self) -> str:
        """Its name in the broker's library folder."""
        return f"{self.artifact}-{self.version}.jar"


def parse_lock(text: str) -> tuple[Jar, ...]:
    """Read lines of `group:artifact:version size sha256`; lines that begin with # are skipped."""
    jars = []
    for line in text.splitlines():
        if line and not line.startswith("#"):
            coordinate, size, sha256 = line.split()
            group, artifact, version = coordinate.split(":")
            jars.append(Jar(group, artifact, version, int(size), sha256))
    return tuple(jars)


def format_lock(jars: tuple[Jar, ...]) -> str:
    """The text that `parse_lock` reads, sorted."""
    lines = sorted(f"{j.group}:{j.artifact}:{j.version} {j.size} {j.sha256}" for j in jars)
    return "# Written by python -m millstream.stack.resolve VERSION\n" + "\n".join(lines) + "\n"


def read_lock(path: Path = KAFKA) -> tuple[Jar, ...]:
    """The jars that a lock file lists."""
    return parse_lock(path.read_text(encoding="utf-8"))


def kafka_version(jars: tuple[Jar, ...]) -> str:
    """The version of the broker among the jars."""
    return next(jar.version for jar in jars if f"{jar.group}:{jar.artifact}" == BROKER)


def matches(path: Path, jar: Jar) -> bool:
    """Whether a file is that jar, by size and SHA-256."""
    if not path.is_file() or path.stat().st_size != jar.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
