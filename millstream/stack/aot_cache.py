"""Java's AOT cache: a file from which a broker starts with half the work of the processor.

A run that practises writes it: the classes that the run loaded, already parsed, verified and
linked, with what was learnt about the methods worth compiling (JEP 483, 514 and 515). It lies
beside the jars, 70 MB, one for each Java. A cache is never a reason to fail: the JVM checks that it
was made by the same Java from the same jars, and that no bit of it has changed, and starts without
it otherwise.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from millstream.errors import StackError
from millstream.stack.cache import locked

__all__ = ["aot_flags"]

FIRST_JAVA = 25
"""The first that makes a cache in one run, and profiles methods for it."""


def aot_flags(java: Path, libraries: Path, practise: Callable[[Path, str], None]) -> list[str]:
    """What the JVM is told so that it starts from the cache, which is made if there is none.

    Nothing while another process makes it, with a Java before 25, or where it cannot be made: an
    empty file says so, and is tried again when it is deleted.

    Args:
        java: the `java` program.
        libraries: the folder of the jars; the cache is made beside it.
        practise: runs what is to start faster, in an empty folder and with a flag for the JVM more,
            until it has ended.
    """
    release = _release(java)
    version = re.search(r'^JAVA_VERSION="(\d+)', release, re.MULTILINE)
    if version is None or int(version[1]) < FIRST_JAVA:
        return []
    file = libraries.with_name(f"{libraries.name}-{_key(release, libraries)}.aot")
    if os.pathsep in str(file):
        return []  # the JVM would take it for two, and not start
    with suppress(OSError, StackError):
        if not file.exists():
            _make(file, practise)
        if file.stat().st_size > 0:
            return [f"-XX:AOTCache={file}", "-XX:+VerifySharedSpaces", "-Xlog:aot*=off"]
    return []


def _release(java: Path) -> str:
    """What the Java says of itself; "" when it has no such file."""
    try:
        return (java.resolve().parents[1] / "release").read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        return ""


def _key(release: str, libraries: Path) -> str:
    """A name for this Java and these jars."""
    stats = [(entry.name, entry.stat()) for entry in os.scandir(libraries)]
    jars = sorted((name, found.st_size, found.st_mtime_ns) for name, found in stats)
    return hashlib.sha256(repr((release, jars)).encode()).hexdigest()[:16]


def _make(file: Path, practise: Callable[[Path, str], None]) -> None:
    """Practise, and keep what came of it; it appears under its name only when it is whole.

    Raises:
        OSError: another process makes it, or the folder cannot be written.
        StackError: the folder cannot be written.
    """
    with locked(file.with_suffix(".lock"), wait=False):
        if file.exists():
            return
        folder = file.with_suffix(".practice")
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir()
        made = folder / "made.aot"
        try:
            with suppress(StackError):
                practise(folder / "broker", f"-XX:AOTCacheOutput={made}")
            made.touch()
            made.replace(file)
        finally:
            shutil.rmtree(folder, ignore_errors=True)
