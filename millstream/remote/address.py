"""The address of a state in an object store: `s3://bucket/prefix` or `gs://bucket/prefix`."""

from __future__ import annotations

import re

__all__ = ["EXTRAS", "check_state_dir", "is_remote"]

EXTRAS = {"s3": "s3", "gs": "gcs"}
"""By scheme: the extra of millstream that brings the client."""
ADDRESS = re.compile(
    r"(?P<scheme>[a-z0-9]+)://(?P<bucket>[a-z0-9][a-z0-9._-]{1,220})(?:/(?P<prefix>.*))?"
)
PREFIX = re.compile(r"[A-Za-z0-9!_.'()=-]+(?:/[A-Za-z0-9!_.'()=-]+)*")


def is_remote(state_dir: str) -> bool:
    """Whether it is an address, and no folder of this machine."""
    return "://" in state_dir


def check_state_dir(state_dir: str) -> str:
    """Return a folder as it is, and an address without a slash at its end.

    Raises:
        ValueError: it is an address that cannot be used.
    """
    if not is_remote(state_dir):
        return state_dir
    address = state_dir.rstrip("/")
    found = ADDRESS.fullmatch(address)
    if found is None or found["scheme"] not in EXTRAS:
        schemes = " or ".join(f'"{scheme}://bucket/prefix"' for scheme in EXTRAS)
        raise ValueError(
            f"expected a folder, or {schemes} without user, password or options; credentials and"
            " the endpoint come from the environment"
        )
    prefix = found["prefix"]
    if prefix is None or PREFIX.fullmatch(prefix) is None or {".", ".."} & set(prefix.split("/")):
        raise ValueError(
            "expected a prefix after the bucket, of letters, digits, / and !_.'()=-; one bucket may"
            " hold many states, each below a prefix of its own"
        )
    return address
