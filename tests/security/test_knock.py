"""What answers need not be a broker: whatever it says, the sentence is ours, and there is one."""

from __future__ import annotations

import socket
import struct
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from threading import Thread

import pytest

from ingest.kafka.knock import why_no_answer

PASSWORD = "s3cret-of-ours"
GO_ON = struct.pack(">hi", 0, 0)


@contextmanager
def answering(bodies: Sequence[bytes]) -> Iterator[str]:
    """The address of a server that answers each request with the next of some bodies."""
    with socket.create_server(("127.0.0.1", 0)) as server:

        def run() -> None:
            with suppress(OSError):
                connection, _ = server.accept()
                with connection:
                    for body in bodies:
                        connection.recv(1 << 16)
                        connection.sendall(struct.pack(">ii", 4 + len(body), 1) + body)

        thread = Thread(target=run, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.getsockname()[1]}"
        thread.join(5)


@pytest.mark.parametrize(
    ("mechanism", "bodies"),
    [
        ("PLAIN", [b""]),
        ("PLAIN", [struct.pack(">hi", 33, 5)]),
        ("PLAIN", [GO_ON, b""]),
        ("SCRAM-SHA-512", [GO_ON, struct.pack(">hhi", 0, -1, 4) + b"junk"]),
        ("SCRAM-SHA-512", [GO_ON, struct.pack(">hhi", 0, -1, 3) + b"x=1"]),
    ],
)
def test_answers_that_are_too_short_or_odd_end_in_a_sentence(
    mechanism: str, bodies: list[bytes]
) -> None:
    with answering([b"\0\0", *bodies]) as server:
        told = why_no_answer(options(server, mechanism))
    assert told == (
        f"no answer from the broker at {server}; is it running, and is kafka.bootstrap_servers"
        " right?"
    )


def test_only_what_may_be_a_name_of_a_mechanism_is_repeated() -> None:
    names = [b"\x1b[31mA\nB", b"SCRAM-SHA-512", b"", b"A" * 21, b"OK_2"]
    texts = b"".join(struct.pack(">h", len(name)) + name for name in names)
    with answering([b"\0\0", struct.pack(">hi", 33, len(names)) + texts]) as server:
        told = why_no_answer(options(server, "PLAIN"))
    assert told == (
        f"the broker at {server}: it does not take PLAIN; set kafka.options.sasl_mechanism:"
        " SCRAM-SHA-512, OK_2"
    )


def options(server: str, mechanism: str) -> dict[str, object]:
    return {
        "bootstrap_servers": server,
        "security_protocol": "SASL_PLAINTEXT",
        "sasl_mechanism": mechanism,
        "sasl_plain_username": "alice",
        "sasl_plain_password": PASSWORD,
    }
