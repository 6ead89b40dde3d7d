"""Keeps kafka-python's log from telling secrets.

At debug level it has the options and all requests, also as the bytes that go out.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Mapping
from typing import Any

__all__ = ["HIDDEN", "is_secret", "public_uri", "redact_log", "redacted"]

HIDDEN = "***"
SECRET = re.compile(r"password|secret|token|credential|api_?key|^auth$", re.IGNORECASE)
# A password may hold any character, "/" and "@" too: all before the last @ is taken for it.
USER = re.compile(r"(?<=http://)\S*@|(?<=https://)\S*@|(?<=//)(?:[^/\s@:]*:\S*|[^/\s]*)@")
LOGGERS = ("kafka.admin.client", "kafka.net.connection", "kafka.protocol.parser")


def is_secret(name: str) -> bool:
    """Whether an option of this name holds a secret."""
    return SECRET.search(name) is not None


def public_uri(uri: str) -> str:
    """An address without the user and password that it may carry."""
    return USER.sub(f"{HIDDEN}@", uri)


def redacted(options: Mapping[str, Any]) -> dict[str, Any]:
    """Options as they may be shown: without secrets, and without users in addresses."""
    return {name: _shown(name, value) for name, value in options.items()}


def _shown(name: str, value: Any) -> Any:
    if is_secret(name) and value is not None:
        return HIDDEN
    if isinstance(value, Mapping):
        return redacted(value)
    if isinstance(value, list):
        return [_shown(name, part) for part in value]
    return public_uri(value) if isinstance(value, str) else value


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
