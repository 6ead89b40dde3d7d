"""What may be shown of options and addresses that hold secrets."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

__all__ = ["HIDDEN", "is_secret", "public_uri", "redacted"]

HIDDEN = "***"
SECRET = re.compile(r"password|secret|token|credential|api_?key|^auth$", re.IGNORECASE)
# A password may hold any character, "/" and "@" too: all before the last @ is taken for it.
USER = re.compile(r"(?<=http://)\S*@|(?<=https://)\S*@|(?<=//)(?:[^/\s@:]*:\S*|[^/\s]*)@")

QUERY = re.compile(
    r"([?&](?:sig|[^=&\s]*(?:password|secret|token|signature|credential|key)[^=&\s]*)=)[^&\s]+",
    re.IGNORECASE,
)


def is_secret(name: str) -> bool:
    """Whether an option of this name holds a secret."""
    return SECRET.search(name) is not None


def public_uri(uri: str) -> str:
    """An address without the user, password and token that it may carry, also in its query."""
    return QUERY.sub(rf"\1{HIDDEN}", USER.sub(f"{HIDDEN}@", uri))


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
