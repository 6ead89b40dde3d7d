"""The page's real server on a port of its own, in a thread of the test."""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import uvicorn

from millstream.page.app import make_app
from millstream.page.listening import listen

TOKEN = "t" * 43


@dataclass(frozen=True)
class Answer:
    """What came back."""

    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def value(self) -> Any:
        return json.loads(self.body)


@dataclass(frozen=True)
class Page:
    """A page that is served."""

    port: int
    server: uvicorn.Server = field(repr=False)

    def ask(self, path: str, method: str = "GET", body: Any = None, **headers: str) -> Answer:
        """One request; names of headers are written with underscores."""
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if body is None or isinstance(body, bytes) else json.dumps(body).encode()
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        try:
            connection.request(method, path, content, given)
            answer = connection.getresponse()
            found = {name.lower(): value for name, value in answer.getheaders()}
            return Answer(answer.status, found, answer.read())
        finally:
            connection.close()

    def act(self, name: str, body: Any = None, **headers: str) -> Answer:
        """An action as the page asks for it; headers replace the usual ones."""
        usual = {
            "Content_Type": "application/json",
            "Authorization": f"Bearer {TOKEN}",
            "Origin": f"http://127.0.0.1:{self.port}",
        }
        given = {name: value for name, value in {**usual, **headers}.items() if value}
        return self.ask(f"/api/actions/{name}", "POST", {} if body is None else body, **given)


@contextmanager
def served(folders: Sequence[Path], **options: Any) -> Iterator[Page]:
    """Serve folders while the body runs."""
    server: uvicorn.Server
    app = make_app(folders, ending=lambda: server.should_exit, **{"token": TOKEN, **options})
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", timeout_graceful_shutdown=2, server_header=False)
    )
    with listen("127.0.0.1", 0) as listener:
        thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
        thread.start()
        try:
            while not server.started:
                assert thread.is_alive()
                time.sleep(0.01)
            yield Page(listener.getsockname()[1], server)
        finally:
            server.should_exit = True
            thread.join()


class Viewer:
    """A viewer of the stream of events; it reads in a thread until it is closed."""

    def __init__(self, port: int) -> None:
        self.events: list[tuple[str, Any]] = []
        self._connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
        self._connection.request("GET", "/events")
        self._answer = self._connection.getresponse()
        assert self._answer.headers["content-type"].startswith("text/event-stream")
        self._thread = threading.Thread(target=self._read)
        self._thread.start()

    def wait(self, name: str, seconds: float = 30.0, **wanted: Any) -> dict[str, Any]:
        """The first event of that name with these values."""
        deadline = time.monotonic() + seconds
        while time.monotonic() < deadline:
            for event, value in list(self.events):
                if event == name and wanted.items() <= value.items():
                    return value
            time.sleep(0.02)
        raise AssertionError(f"no {name} {wanted} among {self.events}")

    def join(self) -> None:
        """Wait until the server has ended the stream."""
        self._thread.join(timeout=30)
        assert not self._thread.is_alive()
        self._connection.close()

    def _read(self) -> None:
        name = ""
        for line in self._answer:
            key, _, value = line.decode().strip().partition(": ")
            if key == "event":
                name = value
            elif key == "data":
                self.events.append((name, json.loads(value)))
