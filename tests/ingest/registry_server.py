"""A schema registry for tests: the documented REST interface over HTTP, schemas in memory."""

from __future__ import annotations

import base64
import json
import ssl
import threading
import time
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

CONTENT = "application/vnd.schemaregistry.v1+json"


class RegistryServer:
    """What the registry has, and how it is to misbehave.

    Attributes:
        schemas: by id.
        subjects: ids of the versions of each subject.
        asked: the path of each request, with its query.
        troubles: answers (status, body) that the next requests get instead of their own.
        auth: user:password that it asks for, or None.
        slow_s: how long it waits before it answers, in seconds.
    """

    def __init__(self) -> None:
        self.schemas: dict[int, dict[str, Any]] = {}
        self.subjects: dict[str, list[int]] = {}
        self.asked: list[str] = []
        self.troubles: deque[tuple[int, bytes]] = deque()
        self.auth: str | None = None
        self.slow_s = 0.0
        self.url = ""

    def register(
        self, subject: str, schema: str, kind: str = "AVRO", references: tuple[Any, ...] = ()
    ) -> int:
        """Register a schema; the same one has the same id."""
        entry = {"schema": schema, "schemaType": kind, "references": list(references)}
        found = [number for number, known in self.schemas.items() if known == entry]
        number = found[0] if found else len(self.schemas) + 1
        self.schemas[number] = entry
        versions = self.subjects.setdefault(subject, [])
        if number not in versions:
            versions.append(number)
        return number

    def answer(self, method: str, path: str, query: dict[str, str], body: Any) -> tuple[int, Any]:
        """Status and JSON of an answer."""
        parts = [unquote(part) for part in path.strip("/").split("/")]
        if method == "GET" and parts[:2] == ["schemas", "ids"] and len(parts) == 3:
            entry = self.schemas.get(int(parts[2]))
            if entry is None:
                return 404, {"error_code": 40403, "message": "Schema not found"}
            return 200, self._written(entry, query)
        if parts[0] != "subjects":
            return 404, {"error_code": 404, "message": "HTTP 404 Not Found"}
        subject = parts[1]
        if method == "POST":
            kind = body.get("schemaType") or "AVRO"
            number = self.register(subject, body["schema"], kind, body.get("references") or ())
            version = self.subjects[subject].index(number) + 1
            return 200, {"id": number, "version": version, "subject": subject, **body}
        versions = self.subjects.get(subject, [])
        if parts[2:] == ["versions"] and versions:
            return 200, list(range(1, len(versions) + 1))
        if parts[2:3] != ["versions"] or len(parts) != 4 or not 1 <= int(parts[3]) <= len(versions):
            return 404, {"error_code": 40402, "message": "Version not found"}
        number = versions[int(parts[3]) - 1]
        whole = self._written(self.schemas[number], query)
        return 200, {"subject": subject, "version": int(parts[3]), "id": number, **whole}

    def _written(self, entry: dict[str, Any], query: dict[str, str]) -> dict[str, Any]:
        """As registries do: Avro's kind goes without saying, Protobuf is a text unless asked."""
        found = {name: value for name, value in entry.items() if value and value != "AVRO"}
        if entry["schemaType"] == "PROTOBUF" and query.get("format") != "serialized":
            base64.b64decode(entry["schema"], validate=True)
            found["schema"] = 'syntax = "proto3"; // as text'
        return found


@contextmanager
def registry_server(tls: tuple[str, str] | None = None) -> Iterator[RegistryServer]:
    """A running registry on 127.0.0.1; with `tls` (certificate, key: files), over https."""
    registry = RegistryServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_GET(self) -> None:
            self._serve("GET")

        def do_POST(self) -> None:
            self._serve("POST")

        def _serve(self, method: str) -> None:
            size = int(self.headers.get("Content-Length") or 0)
            body = json.loads(self.rfile.read(size)) if size else {}
            registry.asked.append(self.path)
            time.sleep(registry.slow_s)
            parts = urlsplit(self.path)
            query = {name: found[0] for name, found in parse_qs(parts.query).items()}
            if registry.troubles:
                status, text = registry.troubles.popleft()
            elif registry.auth and self.headers.get("Authorization") != basic(registry.auth):
                status, text = 401, b'{"error_code": 401, "message": "Unauthorized"}'
            else:
                status, found = registry.answer(method, parts.path, query, body)
                text = json.dumps(found).encode()
            self.send_response(status)
            self.send_header("Content-Type", CONTENT)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.handle_error = lambda *_: None  # the client may have had enough
    if tls:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*tls)
        server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    registry.url = f"{'https' if tls else 'http'}://127.0.0.1:{server.server_port}"
    try:
        yield registry
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def basic(auth: str) -> str:
    """The header of basic authentication."""
    return "Basic " + base64.b64encode(auth.encode()).decode()
