"""An S3-compatible server in a process of its own, and a proxy that is slow, fails, or counts."""

from __future__ import annotations

import http.client
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import TracebackType

from millstream.stack.ports import choose_ports

CUT, LOST = 0, -1
"""Instead of a status: the line is cut; the request is done, but its answer does not arrive."""
HOPS = {"connection", "keep-alive", "transfer-encoding", "host"}


class ObjectServer:
    """moto's S3."""

    bucket = "states"

    def __enter__(self) -> ObjectServer:
        (self.port,) = choose_ports("127.0.0.1", 1)
        command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(self.port)]
        self._process = subprocess.Popen(
            command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        until = time.monotonic() + 60
        while True:
            try:
                request = urllib.request.Request(
                    f"http://127.0.0.1:{self.port}/{self.bucket}", method="PUT"
                )
                urllib.request.urlopen(request, timeout=10).close()
            except OSError:
                assert time.monotonic() < until, "moto's server does not answer"
                time.sleep(0.1)
            else:
                return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._process.kill()
        self._process.wait()


class Handler(BaseHTTPRequestHandler):
    """Answers for a proxy, which it finds at its server."""

    protocol_version = "HTTP/1.1"

    def hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.proxy.seen.append((self.command, self.path))
        time.sleep(self.proxy.delay_s)
        status = self.proxy.answer(self.command, self.path)
        if status is None:
            self.ask(body)
        elif status == CUT:
            self.close_connection = True
        elif status == LOST:
            self.close_connection = True
            self.ask(body, is_lost=True)
        else:
            self.reply(status, {}, b"")

    def ask(self, body: bytes, *, is_lost: bool = False) -> None:
        line = http.client.HTTPConnection("127.0.0.1", self.proxy.port, timeout=60)
        headers = {k: v for k, v in self.headers.items() if k.lower() not in HOPS}
        headers["Host"] = f"127.0.0.1:{self.proxy.port}"
        line.request(self.command, self.path, body, headers)
        answer = line.getresponse()
        content = answer.read()
        given = {k: v for k, v in answer.getheaders() if k.lower() not in HOPS}
        line.close()
        if not is_lost:
            self.reply(answer.status, given, content)

    def reply(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.send_response(status)
        for name, value in headers.items():
            if name.lower() != "content-length" or self.command == "HEAD":
                self.send_header(name, value)
        if self.command != "HEAD":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content)

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = hand_on  # noqa: N815

    def log_message(self, *told: object) -> None:
        """Nothing is printed."""

    @property
    def proxy(self) -> Proxy:
        return self.server.proxy  # type: ignore[attr-defined]


@dataclass
class Proxy:
    """Hands requests on.

    Attributes:
        port: of the server.
        delay_s: before each.
        answer: the status that it answers by itself, given method and path; None hands on.
        seen: method and path of each request.
    """

    port: int
    delay_s: float = 0.0
    answer: Callable[[str, str], int | None] = lambda method, path: None
    seen: list[tuple[str, str]] = field(default_factory=list)

    def __enter__(self) -> Proxy:
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.proxy = self  # type: ignore[attr-defined]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()

    @property
    def environment(self) -> dict[str, str]:
        """What an S3 client needs to speak to it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._server.server_address[1]}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "hidden-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
        }
