"""Structured logs: one JSON object a line, for machines that read logs."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from ingest.redaction import public_uri

__all__ = ["JsonFormatter"]


class JsonFormatter(logging.Formatter):
    """Formats a record of the log as a JSON object on one line, in ASCII, which any terminal has.

    Keys: `ts` (UTC, ISO 8601, milliseconds), `level`, `logger`, `message`, `round` (the one in
    progress; 0 before the first), and `exception` with its traceback where there is one. What looks
    like an address is shown without the user, password and token that it may carry.

    Args:
        round_of: tells the number of the round in progress.
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
            "round": self._round_of(),
        }
        if record.exc_info:
            told["exception"] = public_uri(self.formatException(record.exc_info))
        return json.dumps(told)
