"""Object stores in processes of their own, and a proxy that is slow, fails, or counts."""

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
PAGE = b""
"""What a proxy answers with, beside a status."""
HOPS = {"connection", "keep-alive", "transfer-encoding", "host"}


class ObjectServer:
    """A store with one bucket, empty at first.

    Args:
        begin: method and path of the request that makes the bucket, or sees that it is there.
        command: of the server, as Python's `-m` takes it; `{port}` stands for its port.
    """

    bucket = "states"

    def __init__(self, begin: tuple[str, str], *command: str) -> None:
        self._begin, self._command = begin, command

    def __enter__(self) -> ObjectServer:
        (self.port,) = choose_ports("127.0.0.1", 1)
        command = [part.format(port=self.port) for part in self._command]
        self._process = subprocess.Popen(
            [sys.executable, "-m", *command], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        method, path = self._begin
        request = urllib.request.Request(f"http://127.0.0.1:{self.port}{path}", method=method)
        until = time.monotonic() + 60
        while True:
            try:
                urllib.request.urlopen(request, timeout=10).close()
            except OSError:
                assert time.monotonic() < until, f"{command} does not answer"
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


@dataclass(frozen=True)
class Asked:
    """A request."""

    method: str
    path: str
    body: bytes


class Handler(BaseHTTPRequestHandler):
    """Answers for a proxy, which it finds at its server."""

    protocol_version = "HTTP/1.1"

    def hand_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        asked = Asked(self.command, self.path, body)
        self.proxy.seen.append(asked)
        time.sleep(self.proxy.delay_s)
        status = self.proxy.answer(asked)
        if status is None:
            self.ask(body)
        elif status == CUT:
            self.close_connection = True
        elif status == LOST:
            self.close_connection = True
            self.ask(body, is_lost=True)
        else:
            self.reply(status, {}, PAGE)

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
        answer: the status that it answers by itself; None hands on.
        seen: each request.
    """

    port: int
    delay_s: float = 0.0
    answer: Callable[[Asked], int | None] = lambda asked: None
    seen: list[Asked] = field(default_factory=list)

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
        """What clients need to speak to it."""
        return {
            "AWS_ENDPOINT_URL": f"http://127.0.0.1:{self._server.server_address[1]}",
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "hidden-secret",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_EC2_METADATA_DISABLED": "true",
            "AWS_CONFIG_FILE": "/dev/null",
            "AWS_SHARED_CREDENTIALS_FILE": "/dev/null",
            "STORAGE_EMULATOR_HOST": f"http://127.0.0.1:{self._server.server_address[1]}",
        }
