"""Free ports on this machine, below the range that the kernel hands to outgoing connections."""

from __future__ import annotations

import random
import socket

__all__ = ["choose_ports", "is_free"]

FIRST, LAST = 20000, 32000
TRIES = 200


def is_free(host: str, port: int) -> bool:
    """Whether a server could listen there now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            probe.listen(1)
        except OSError:
            return False
    return True


def choose_ports(host: str, count: int, preferred: tuple[int, ...] = ()) -> tuple[int, ...]:
    """So many free ports: the preferred ones if all of them are free, else others at random.

    Another process may take a port before the server does; callers try again with new ones.

    Raises:
        OSError: no port is free.
    """
    if len(preferred) == count and all(is_free(host, port) for port in preferred):
        return preferred
    found: list[int] = []
    draw = random.SystemRandom()
    for _ in range(TRIES):
        port = draw.randint(FIRST, LAST)
        if port not in found and is_free(host, port):
            found.append(port)
        if len(found) == count:
            return tuple(found)
    raise OSError(f"no {count} free ports on {host} between {FIRST} and {LAST}")
