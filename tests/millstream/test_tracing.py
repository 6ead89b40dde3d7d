"""Traces of rounds, as a collector gets them over HTTP."""

from __future__ import annotations

import gzip
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest
from opentelemetry import trace
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from millstream.config.config import Config, load_config
from millstream.errors import ConfigError
from millstream.rounds.store import RoundStore
from millstream.watch.board import STEPS
from millstream.watch.tracing import NoTraces, RoundTraces, open_traces

from .page.state import rounds
from .project import make_project

SECONDS = {"wait": 3.1, "cut": 0.03, "plan": 0.02, "test": 0.4, "train": 6.6, "checkpoint": 0.05}
FINISH = 3.5  # of which publication has 1.6 + 0.8 + 0.5


class Collector(HTTPServer):
    """Keeps what is sent to it."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Receive)
        self.requests: list[tuple[str, ExportTraceServiceRequest]] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def spans(self) -> dict:
        return {
            span.name: span
            for _, request in self.requests
            for resource in request.resource_spans
            for scope in resource.scope_spans
            for span in scope.spans
        }


class Receive(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["content-length"]))
        if self.headers.get("content-encoding") == "gzip":
            body = gzip.decompress(body)
        told = ExportTraceServiceRequest.FromString(body)
        self.server.requests.append((self.path, told))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        """Nobody wants it."""


@pytest.fixture
def collector() -> Iterator[Collector]:
    server = Collector()
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def configured(folder: Path, endpoint: str | None) -> Config:
    project = make_project(folder, "127.0.0.1:1", "t", name="fraud")
    path = project.directory / "millstream.toml"
    if endpoint is not None:
        given = f'[service]\notlp_endpoint = "{endpoint}"'
        path.write_text(path.read_text().replace("[service]", given))
    return load_config(path)


def test_a_round_is_a_trace_of_seven_steps(collector: Collector, tmp_path: Path) -> None:
    before = trace.get_tracer_provider()
    folder = rounds(tmp_path / "state", 3).folder(3)
    with open_traces(configured(tmp_path, collector.url)) as traces:
        traces.tell(folder, {**SECONDS, "finish": FINISH})
    assert trace.get_tracer_provider() is before  # MLflow's, or nobody's
    assert {path for path, _ in collector.requests} == {"/v1/traces"}
    spans = collector.spans()
    steps = [STEPS[number] for number in range(1, 8)]
    inside = folder.report()["training"].get("seconds_by_part", {})
    assert set(spans) == {"round", *steps, *SECONDS, "export", "gate", "register", *inside}
    whole = spans["round"]
    assert {spans[name].parent_span_id for name in steps} == {whole.span_id}
    assert spans["train"].parent_span_id == spans["test, then train"].span_id
    length = (whole.end_time_unix_nano - whole.start_time_unix_nano) / 1e9
    assert length == pytest.approx(sum(SECONDS.values()) + FINISH)
    at = whole.start_time_unix_nano
    for part in (*SECONDS, "export", "gate", "register", "commit"):
        assert spans[part].start_time_unix_nano == pytest.approx(at, abs=10_000)
        at = spans[part].end_time_unix_nano
    assert at == pytest.approx(whole.end_time_unix_nano, abs=10_000)
    told = {item.key: item.value for item in whole.attributes}
    assert told["millstream.model"].string_value == "fraud"
    assert told["millstream.round"].int_value == 3
    assert told["millstream.promoted"].bool_value
    assert told["millstream.bound"].string_value == "compute-bound"


def test_it_is_off_unless_a_collector_is_named(
    collector: Collector, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT"):
        monkeypatch.delenv(name, raising=False)
    config = configured(tmp_path, None)
    with open_traces(config) as traces:
        assert isinstance(traces, NoTraces)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_ENDPOINT", collector.url)
    with open_traces(config) as traces:
        assert isinstance(traces, RoundTraces)
        traces.tell(rounds(tmp_path / "s", 1).folder(1), {**SECONDS, "finish": FINISH})
    assert "round" in collector.spans()


def test_a_collector_that_is_away_holds_nobody_up_for_long(tmp_path: Path) -> None:
    folder = RoundStore(rounds(tmp_path / "s", 1)._folder).folder(1)
    begun = time.monotonic()
    with open_traces(configured(tmp_path, "http://127.0.0.1:1")) as traces:
        traces.tell(folder, {**SECONDS, "finish": FINISH})
    assert time.monotonic() - begun < 60.0  # it took 3 s; without a limit it would be minutes


@pytest.mark.parametrize("address", ["collector:4318", "http://user:pass@host", "http://h/?k=v"])
def test_an_address_that_is_none_or_holds_a_secret_is_refused(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError, match=r"service\.otlp_endpoint") as caught:
        configured(tmp_path, address)
    assert "pass@" not in str(caught.value)
