"""Structured logs: one JSON object a line, for machines that read logs."""

from __future__ import annotations

import io
import json
import logging
import threading
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ingest.redaction import public_uri

__all__ = ["JsonFormatter", "LinesToLog"]

MOST_CHARACTERS = 1 << 14
"""Of a line that has no end, the last ones are kept."""


class JsonFormatter(logging.Formatter):
    """Formats a record of the log as a JSON object on one line, in ASCII, which any terminal has.

    Keys: `ts` (UTC, ISO 8601, milliseconds), `level`, `logger`, `message`, `round` (the one that
    the record names as an extra, or the one in progress), and `exception` with its traceback where
    there is one. What looks like an address is shown without the user, password and token that it
    may carry.

    Args:
        round_of: tells the number of the round in progress; 0 if it is not known.
    """

    def __init__(self, round_of: Callable[[], int]) -> None:
        super().__init__()
        self._round_of = round_of

    def format(self, record: logging.LogRecord) -> str:
        """One line without its end."""
        at = datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds")
        told: dict[str, Any] = {
            "ts": at.replace("+00:00", "Z"),
            "level": record.levelname.lower(),
            "logger": record.name,
            "message": public_uri(record.getMessage()),
            "round": getattr(record, "round", None) or self._round_of(),
        }
        if record.exc_info:
            told["exception"] = public_uri(self.formatException(record.exc_info))
        return json.dumps(told)


class LinesToLog(io.TextIOBase):
    """Stands for standard error beside a JSON log: each line that is written is one of the log.

    Libraries have handlers and prints of their own, and a thread that fails prints its traceback.
    Any thread may write; what it writes is told once its line ends. A fault of the handler itself,
    which it would tell here, is told nowhere.

    Args:
        handler: of the log; it is told of messages at level `info`, of the logger `stderr`.
    """

    encoding = "utf-8"

    def __init__(self, handler: logging.Handler) -> None:
        super().__init__()
        self._handler = handler
        self._own = _Begun()

    def writable(self) -> bool:
        """It is."""
        return True

    def fileno(self) -> int:
        """Where processes write to that are given it: what is no Python goes there, too."""
        return 2

    def write(self, text: str) -> int:
        """Tell of the lines that end, and keep the begun one."""
        own = self._own
        if not own.is_telling:
            *lines, begun = (own.text + text).split("\n")
            own.text = begun[-MOST_CHARACTERS:]
            own.is_telling = True
            try:
                for line in lines:
                    self._tell(seen(line))
            finally:
                own.is_telling = False
        return len(text)

    def _tell(self, line: str) -> None:
        if line.strip():
            record = logging.LogRecord("stderr", logging.INFO, "", 0, line, None, None)
            self._handler.handle(record)


def seen(line: str) -> str:
    """What a person would see of a line, as of a progress bar the last state."""
    return line.removesuffix("\r").rsplit("\r", 1)[-1]


class _Begun(threading.local):
    """Of a thread: the line that it has begun, and whether it is telling of one."""

    text = ""
    is_telling = False
