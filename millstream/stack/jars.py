"""The jars of an Apache Kafka broker, pinned: each one's Maven coordinate, size and SHA-256."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Jar", "format_lock", "kafka_version", "matches", "parse_lock", "read_lock"]

LOCK = Path(__file__).with_name("kafka.lock")
KAFKA = "org.apache.kafka:kafka_2.13"


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


def read_lock() -> tuple[Jar, ...]:
    """The jars of the Kafka that this release of millstream runs."""
    return parse_lock(LOCK.read_text(encoding="utf-8"))


def kafka_version(jars: tuple[Jar, ...]) -> str:
    """The version of the broker among the jars."""
    return next(jar.version for jar in jars if f"{jar.group}:{jar.artifact}" == KAFKA)


def matches(path: Path, jar: Jar) -> bool:
    """Whether a file is that jar, by size and SHA-256."""
    if not path.is_file() or path.stat().st_size != jar.size:
        return False
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest() == jar.sha256
