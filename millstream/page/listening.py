"""The socket of the page: the port that was asked for, or the next free one."""

from __future__ import annotations

import errno
import ipaddress
import socket

from millstream.errors import StackError

__all__ = ["MOST_TRIES", "address_of", "listen"]

MOST_TRIES = 50
BACKLOG = 128


def listen(host: str, port: int) -> socket.socket:
    """A listening socket: callers wait until somebody accepts them, so its address is good at once.

    Args:
        host: name or address.
        port: tried first, then those after it; 0 for any.

    Raises:
        StackError: none of so many is free, or the host is none of this machine's.
    """
    for tried in range(port, min(port + MOST_TRIES, 65536)):
        try:
            return _bound(host, tried)
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                why = error.strerror or str(error)
                raise StackError(
                    f"page.host: {host}:{tried} cannot be listened on: {why}; choose another host"
                    " or port"
                ) from error
    raise StackError(
        f"page.port: none of {MOST_TRIES} ports from {port} on is free at {host}; choose another"
    )


def address_of(listener: socket.socket) -> str:
    """What a browser on this machine is given."""
    host, port = listener.getsockname()[:2]
    address = ipaddress.ip_address(host)
    if address.is_unspecified:
        host = "127.0.0.1"
    elif address.version == 6:
        host = f"[{host}]"
    return f"http://{host}:{port}"


def _bound(host: str, port: int) -> socket.socket:
    family, kind, protocol, _, place = socket.getaddrinfo(
        host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(place)
        listener.listen(BACKLOG)
    except OSError:
        listener.close()
        raise
    return listener
