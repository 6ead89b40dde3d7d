"""Resolve the jars of a Kafka version anew: `python -m millstream.stack.resolve 4.4.0 [ARTIFACT]`.

Prints the lock file. Only for people who move millstream to another Kafka; a broker's start reads
the lock and downloads nothing but what it lists.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

from millstream.stack.jars import Jar, format_lock, read_lock

__all__ = ["main", "resolve"]

LOGGING = "org.apache.logging.log4j"
LOG4J_2 = ("log4j-slf4j-impl",)
LOG4J_1 = ("log4j-slf4j-impl", "log4j-api", "log4j-core", "log4j-1.2-api")


def resolve(version: str, folder: Path, artifact: str = "kafka_2.13") -> tuple[Jar, ...]:
    """The runtime jars of a Kafka broker, and the binding that makes it write its log.

    Kafka 3.x asks for Log4j 1; it gets the bridge to Log4j 2, so that one configuration serves all.

    Args:
        version: of Kafka, for example "4.4.0".
        folder: where the jars are downloaded to, as a Maven repository.
        artifact: of Kafka, for example "kafka-tools" for its command line tools.
    """
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(resolver=PythonResolver(), repo_cache=folder, timeout=60)
    wanted = context.create_dependency(f"org.apache.kafka:{artifact}:{version}")
    inputs, transitive = context.resolver.resolve([wanted])
    artifacts = [dependency.artifact for dependency in (*inputs, *transitive)]
    own = [item.version for item in artifacts if item.artifactId == "log4j-api"]
    ours = [jar.version for jar in read_lock() if jar.artifact == "log4j-api"]
    api = (own or ours)[0]
    bridge = LOG4J_2 if own else LOG4J_1
    artifacts += [context.project(LOGGING, name).at_version(api).artifact() for name in bridge]
    return tuple(_measure(item) for item in artifacts)


def _measure(artifact: Any) -> Jar:
    content = artifact.resolve().read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Jar(artifact.groupId, artifact.artifactId, artifact.version, len(content), digest)


def main() -> None:
    """Print the lock of the version, and artifact, named on the command line."""
    version, *artifact = sys.argv[1:]
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(format_lock(resolve(version, Path(folder), *artifact)))


if __name__ == "__main__":
    main()
