"""Resolve the jars of a Kafka version anew: `python -m millstream.stack.resolve 4.4.0`.

Prints the lock file. Only for people who move millstream to another Kafka; a broker's start reads
the lock and downloads nothing but what it lists.
"""

from __future__ import annotations

import hashlib
import sys
import tempfile
from pathlib import Path
from typing import Any

from millstream.stack.jars import KAFKA, Jar, format_lock

__all__ = ["main", "resolve"]

LOG_BINDING = ("org.apache.logging.log4j", "log4j-slf4j-impl")


def resolve(version: str, folder: Path) -> tuple[Jar, ...]:
    """The runtime jars of a Kafka broker, and the binding that makes it write its log.

    Args:
        version: of Kafka, for example "4.4.0".
        folder: where the jars are downloaded to, as a Maven repository.
    """
    from jgo.maven import MavenContext, PythonResolver

    context = MavenContext(resolver=PythonResolver(), repo_cache=folder, timeout=60)
    inputs, transitive = context.resolver.resolve([context.create_dependency(f"{KAFKA}:{version}")])
    artifacts = [dependency.artifact for dependency in (*inputs, *transitive)]
    api = next(item.version for item in artifacts if item.artifactId == "log4j-api")
    artifacts.append(context.project(*LOG_BINDING).at_version(api).artifact())
    return tuple(_measure(artifact) for artifact in artifacts)


def _measure(artifact: Any) -> Jar:
    content = artifact.resolve().read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return Jar(artifact.groupId, artifact.artifactId, artifact.version, len(content), digest)


def main() -> None:
    """Print the lock of the version named on the command line."""
    with tempfile.TemporaryDirectory() as folder:
        sys.stdout.write(format_lock(resolve(sys.argv[1], Path(folder))))


if __name__ == "__main__":
    main()
