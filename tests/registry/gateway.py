"""A gateway before an MLflow server: it asks for a token, and can cut an upload in two."""

from __future__ import annotations

import base64
import http.client
import http.server
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

__all__ = ["TOKEN", "Gateway", "running_gateway"]

TOKEN = "the-token-of-a-service"


class Gateway(http.server.ThreadingHTTPServer):
    """Passes on what has the token, as a user of the server behind it.

    Args:
        port: of that server.
        user: name and password there.
    """

    def __init__(self, port: int, user: tuple[str, str]) -> None:
        super().__init__(("127.0.0.1", 0), Passing)
        self.behind = port
        self.basic = "Basic " + base64.b64encode(":".join(user).encode()).decode()
        self.in_the_middle: Callable[[], None] | None = None
        """Called when half of the next upload has been passed on; the rest never is."""

    @property
    def url(self) -> str:
        """Its address."""
        return f"http://127.0.0.1:{self.server_port}"

    def handle_error(self, request: object, client_address: object) -> None:
        """A connection that was cut is what a test wanted."""


class Passing(http.server.BaseHTTPRequestHandler):
    """One connection."""

    server: Gateway
    protocol_version = "HTTP/1.1"

    def pass_on(self) -> None:
        """Pass a request on, and its answer back."""
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.headers.get("Authorization") != f"Bearer {TOKEN}":
            self.answer(401, b"no token, no entry")
            return
        behind = http.client.HTTPConnection("127.0.0.1", self.server.behind, timeout=60)
        behind.putrequest(self.command, self.path)
        for name in ("Content-Type", "Content-Length"):
            if name in self.headers:
                behind.putheader(name, self.headers[name])
        behind.putheader("Authorization", self.server.basic)
        if self.command == "PUT" and self.server.in_the_middle is not None:
            behind.endheaders(body[: len(body) // 2])
            self.server.in_the_middle()
            behind.close()
            raise ConnectionAbortedError
        behind.endheaders(body)
        found = behind.getresponse()
        self.answer(found.status, found.read())
        behind.close()

    def answer(self, status: int, body: bytes) -> None:
        """Answer, and say nothing on the terminal."""
        self.send_response_only(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = pass_on  # noqa: N815


@contextmanager
def running_gateway(port: int, user: tuple[str, str]) -> Iterator[Gateway]:
    """One that runs while the body does."""
    with Gateway(port, user) as gateway:
        thread = threading.Thread(target=gateway.serve_forever, args=(0.02,))
        thread.start()
        try:
            yield gateway
        finally:
            gateway.shutdown()
            thread.join()
