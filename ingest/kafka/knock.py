"""Why a broker does not let us in: one connection of our own, told step by step.

kafka-python tries again until its time is up, and then only knows that nobody answered. This walks
the same way once (TCP, TLS, versions, SASL; the Kafka protocol guide has the messages) and says
where it ends.
"""

from __future__ import annotations

import re
import socket
import ssl
import struct
from collections.abc import Mapping
from typing import Any

from kafka.net.sasl import get_sasl_mechanism

from ingest.errors import SourceError
from ingest.kafka.access import WITH_PASSWORD, tls_context, uses_sasl, uses_tls

__all__ = ["why_no_answer"]

PATIENCE_S = 3.0
MOST_SERVERS = 3
LARGEST = 1 << 20
METADATA, HANDSHAKE, VERSIONS, AUTHENTICATE = 3, 17, 18, 36
UNSUPPORTED_MECHANISM, ILLEGAL_STATE, AUTHENTICATION_FAILED = 33, 34, 58
NAME = b"millstream"
MECHANISM = re.compile(r"[A-Z0-9_-]{1,20}")  # as RFC 4422 has it; nothing else goes to a terminal


class RefusedError(Exception):
    """Where the way into a broker ends, and what to change."""


def why_no_answer(options: Mapping[str, object]) -> str:
    """A sentence for people about a broker that did not answer; it has no secret in it.

    Takes up to three seconds for each step.

    Args:
        options: kafka-python's, `bootstrap_servers` among them.
    """
    servers = options.get("bootstrap_servers")
    usual = (
        f"no answer from the broker at {servers}; is it running, and is kafka.bootstrap_servers"
        " right?"
    )
    if options.get("proxy_url") or options.get("socks5_proxy"):
        return usual
    listed = servers.split(",") if isinstance(servers, str) else servers
    for server in list(listed or [])[:MOST_SERVERS] if isinstance(listed, (list, tuple)) else []:
        try:
            _knock(str(server), options)
        except RefusedError as refused:
            return f"the broker at {server}: {refused}"
        except (OSError, ValueError, LookupError, struct.error, SourceError):
            continue  # nobody is there, or what answers is no broker
    return usual


def _knock(server: str, options: Mapping[str, object]) -> None:
    host, _, port = server.strip().rpartition(":")
    host = host.strip("[]")
    with socket.create_connection((host, int(port)), PATIENCE_S) as plain:
        plain.settimeout(PATIENCE_S)
        with _encrypted(plain, host, options) if uses_tls(options) else plain as connection:
            _ask(connection, VERSIONS, 0, b"", "it wants TLS: set kafka.options.security_protocol")
            if uses_sasl(options):
                _authenticate(connection, host, options)
            else:
                mend = "it wants a user or a certificate: set kafka.options.security_protocol"
                _ask(connection, METADATA, 1, struct.pack(">i", 0), mend)


def _encrypted(plain: socket.socket, host: str, options: Mapping[str, object]) -> ssl.SSLSocket:
    context = tls_context(options)
    try:
        return context.wrap_socket(plain, server_hostname=host)
    except ssl.SSLCertVerificationError as error:
        raise RefusedError(_certificate_fault(error, host)) from error
    except (ssl.SSLError, ConnectionError) as error:
        raise RefusedError(_tls_fault(error)) from error


def _certificate_fault(error: ssl.SSLCertVerificationError, host: str) -> str:
    said = error.verify_message
    if "mismatch" in said:
        return (
            f"its certificate is not for {host}; name it in kafka.bootstrap_servers as its"
            " certificate does"
        )
    if "expired" in said or "not yet valid" in said or "revoked" in said:
        return f"its certificate is not valid now ({said}); it needs a new one"
    return (
        f"its certificate is not signed by an authority that we trust ({said}); name the right one"
        " in kafka.options.ssl_cafile"
    )


def _tls_fault(error: Exception) -> str:
    reason = str(getattr(error, "reason", "") or "")
    if "CERTIFICATE" in reason or "HANDSHAKE_FAILURE" in reason:
        return (
            f"it wants our certificate ({reason.lower().replace('_', ' ')}); set"
            " kafka.options.ssl_certfile and ssl_keyfile to one that it trusts"
        )
    return "no TLS on this port; correct kafka.bootstrap_servers or kafka.options.security_protocol"


def _ask(connection: socket.socket, key: int, version: int, body: bytes, mend: str) -> bytes:
    """The body of the answer to a request."""
    header = struct.pack(">hhih", key, version, 1, len(NAME)) + NAME
    request = header + body
    try:
        connection.sendall(struct.pack(">i", len(request)) + request)
        (size,) = struct.unpack(">i", _read(connection, 4))
        if not 4 <= size <= LARGEST:
            raise RefusedError(f"what answers is not Kafka, or {mend}")
        return _read(connection, size)[4:]
    except ssl.SSLError as error:
        raise RefusedError(_tls_fault(error)) from error
    except (EOFError, ConnectionError) as error:
        raise RefusedError(f"it ends the connection; perhaps {mend}") from error


def _read(connection: socket.socket, size: int) -> bytes:
    found = b""
    while len(found) < size:
        part = connection.recv(size - len(found))
        if not part:
            raise EOFError
        found += part
    return found


def _authenticate(connection: socket.socket, host: str, options: Mapping[str, object]) -> None:
    name = str(options["sasl_mechanism"])
    mend = "kafka.options.security_protocol does not fit this port"
    answer = _ask(connection, HANDSHAKE, 1, _text(name), mend)
    (code,) = struct.unpack_from(">h", answer)
    if code == UNSUPPORTED_MECHANISM:
        enabled = ", ".join(_mechanisms(answer[2:]))
        raise RefusedError(f"it does not take {name}; set kafka.options.sasl_mechanism: {enabled}")
    if code:
        raise RefusedError(
            "it takes no user here; set kafka.options.security_protocol without SASL"
        )
    if name not in WITH_PASSWORD:
        return
    mechanism: Any = get_sasl_mechanism(name)(host=host, **options)
    while not mechanism.is_done():
        token = mechanism.auth_bytes()
        body = struct.pack(">i", len(token)) + token
        answer = _ask(connection, AUTHENTICATE, 0, body, mend)
        (code, length) = struct.unpack_from(">hh", answer)
        if code:
            raise RefusedError(
                f"it refuses user {options['sasl_plain_username']!r}; check"
                " kafka.options.sasl_plain_username and sasl_plain_password"
            )
        mechanism.receive(answer[4 + max(length, 0) + 4 :])


def _text(text: str) -> bytes:
    return struct.pack(">h", len(text)) + text.encode()


def _mechanisms(answer: bytes) -> list[str]:
    (count,), at, found = struct.unpack_from(">i", answer), 4, []
    for _ in range(min(count, 20)):
        (size,) = struct.unpack_from(">h", answer, at)
        found.append(answer[at + 2 : at + 2 + size].decode("utf-8", "replace"))
        at += 2 + size
    return [text for text in found if MECHANISM.fullmatch(text)]
