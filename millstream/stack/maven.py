"""Where the broker's jars come from: KAFKA_HOME, or Maven Central by way of a local cache.

The cache holds one folder per lock file and version. It appears under its name only when every jar
in it has the pinned SHA-256, so a kill at any instant, or two processes at once, leave it whole or
not there.
"""

from __future__ import annotations

import os
import shutil
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from millstream.errors import StackError
from millstream.stack.cache import cache_folder, locked
from millstream.stack.jars import KAFKA, Jar, kafka_version, matches, read_lock

__all__ = ["WAYS_OUT", "cached_libraries", "kafka_libraries"]

DOWNLOADS_AT_ONCE = 8
ATTEMPTS = 3
TIMEOUT_S = 30
WAYS_OUT = (
    "set KAFKA_HOME to an unpacked Apache Kafka 4.x, or kafka.bootstrap_servers to a broker that"
    " runs already"
)


def kafka_libraries(lock: Path = KAFKA) -> Path:
    """A folder with the jars of an Apache Kafka broker; downloaded when it is not there yet.

    KAFKA_HOME wins over the cache for the Kafka that millstream runs, but not for another lock.
    MILLSTREAM_MAVEN names a Maven repository to use instead of Maven Central.

    Raises:
        StackError: KAFKA_HOME is not a Kafka 4.x, or the jars cannot be downloaded.
    """
    home = os.environ.get("KAFKA_HOME")
    if home and lock == KAFKA:
        return _libraries_of_home(Path(home).absolute())
    jars = read_lock(lock)
    return cached_libraries(jars, f"kafka-{kafka_version(jars)}")


def cached_libraries(jars: tuple[Jar, ...], name: str) -> Path:
    """The cache's folder of that name, with exactly these jars in it; downloaded if need be.

    Raises:
        StackError: they cannot be downloaded.
    """
    folder = cache_folder() / name
    if not _complete(folder, jars):
        with locked(folder.with_name(f"{folder.name}.lock")):
            if not _complete(folder, jars):
                _download(folder, jars)
    return folder


def _libraries_of_home(home: Path) -> Path:
    libraries = home / "libs"
    brokers = sorted(path.name for path in libraries.glob("kafka_2.13-*.jar"))
    if not any(name.startswith("kafka_2.13-4.") for name in brokers):
        found = ", ".join(brokers) or "no kafka_2.13-*.jar"
        raise StackError(
            f"KAFKA_HOME={home}: expected libs/kafka_2.13-4.*.jar, got {found};"
            " set it to an unpacked Apache Kafka 4.x, or unset it"
        )
    return libraries


def _complete(folder: Path, jars: tuple[Jar, ...]) -> bool:
    if not folder.is_dir():
        return False
    sizes = {entry.name: entry.stat().st_size for entry in os.scandir(folder)}
    return all(sizes.get(jar.file_name) == jar.size for jar in jars)


def _download(folder: Path, jars: tuple[Jar, ...]) -> None:
    """Fill `folder`; jars of an earlier, interrupted download are kept if they are right."""
    part = folder.with_name(f"{folder.name}.part")
    part.mkdir(exist_ok=True)
    repository = folder.with_name(f"{folder.name}.repository")
    shutil.rmtree(repository, ignore_errors=True)
    context = _context(repository)
    missing = [jar for jar in jars if not matches(part / jar.file_name, jar)]
    try:
        with ThreadPoolExecutor(DOWNLOADS_AT_ONCE) as pool:
            for done in [pool.submit(_fetch, context, jar, part) for jar in missing]:
                done.result()
    except (OSError, RuntimeError) as error:
        raise StackError(
            f"{folder.name} could not be downloaded from Maven Central: {error}; {WAYS_OUT}"
        ) from error
    finally:
        shutil.rmtree(repository, ignore_errors=True)
    if folder.exists():
        shutil.rmtree(folder)
    part.rename(folder)


def _context(repository: Path) -> Any:
    try:
        from jgo.maven import MavenContext, PythonResolver
    except ImportError as error:
        raise StackError(
            "the embedded Kafka needs the package jgo: pip install 'millstream[local]';"
            f" or {WAYS_OUT}"
        ) from error
    mirror = os.environ.get("MILLSTREAM_MAVEN")
    return MavenContext(
        resolver=PythonResolver(),
        repo_cache=repository,
        remote_repos={"mirror": mirror} if mirror else None,
        timeout=TIMEOUT_S,
    )


def _fetch(context: Any, jar: Jar, folder: Path) -> None:
    """Download one jar.

    Raises:
        OSError: the repository cannot be reached (requests' errors are OSErrors).
        RuntimeError: it does not have the jar, or has another one.
    """
    artifact = context.project(jar.group, jar.artifact).at_version(jar.version).artifact()
    for attempt in range(1, ATTEMPTS + 1):
        try:
            path = artifact.resolve()
            break
        except OSError:
            artifact.cached_path.unlink(missing_ok=True)
            if attempt == ATTEMPTS:
                raise
    if not matches(path, jar):
        raise RuntimeError(f"{jar.file_name}: expected SHA-256 {jar.sha256}, got another")
    path.replace(folder / jar.file_name)
