"""Keeps kafka-python's log from telling secrets.

At debug level it has the options and all requests, also as the bytes that go out.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

from ingest.redaction import HIDDEN, redacted

__all__ = ["redact_log"]

LOGGERS = ("kafka.admin.client", "kafka.net.connection", "kafka.protocol.parser")


def redact_log() -> None:
    """Have kafka-python's loggers hide secrets from now on; harmless when repeated."""
    for name in LOGGERS:
        logger = logging.getLogger(name)
        if _hide not in logger.filters:
            logger.addFilter(_hide)


def _hide(record: logging.LogRecord) -> bool:
    if isinstance(record.args, Mapping):
        record.args = redacted(record.args)
    elif record.args:
        record.args = tuple(_safe(part) for part in record.args)
    return True


def _safe(part: object) -> object:
    name = type(part).__name__
    if name.startswith(("Sasl", "AlterUserScram")):
        return f"{name}({HIDDEN})"
    return f"<{len(part)} bytes>" if isinstance(part, (bytes, bytearray, memoryview)) else part
