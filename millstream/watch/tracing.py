"""OpenTelemetry traces of rounds, for whoever has a collector: off unless one is named.

A trace is made after its round, from the seconds that are measured anyway: a span for the round,
one for each of the seven steps, and one for each part of a step. They lie one behind another and
end with the round. The provider is our own: what MLflow or the user's model traces is left alone.
"""

from __future__ import annotations

import logging
import os
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

from millstream.config.config import Config
from millstream.errors import ConfigError
from millstream.rounds.folder import RoundFolder
from millstream.watch.board import STEPS

if TYPE_CHECKING:
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.trace import Tracer

__all__ = ["NoTraces", "RoundTraces", "Traces", "open_traces"]

log = logging.getLogger("millstream")

VARIABLES = ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT")
TIMEOUT_S = 3.0
STEP_PARTS: Mapping[int, tuple[str, ...]] = {
    1: ("wait", "broker", "decode"),
    2: ("cut",),
    3: ("plan",),
    4: ("test", "train"),
    5: ("checkpoint",),
    6: ("export", "gate", "register"),
    7: ("commit",),
}
INSIDE: Mapping[str, tuple[str, ...]] = {
    "train": ("compile", "input", "step", "validation", "other"),
}


class Traces(Protocol):
    """Where rounds are told to."""

    def tell(self, folder: RoundFolder, seconds: Mapping[str, float]) -> None:
        """Tell of a round that is over; never fails, and waits for nobody.

        Args:
            folder: the round's.
            seconds: by part; "finish" is publication and commit together.
        """


class NoTraces:
    """Where nobody wants them."""

    def tell(self, folder: RoundFolder, seconds: Mapping[str, float]) -> None:
        """See `Traces`."""


class RoundTraces:
    """Sends each round as a trace.

    Args:
        provider: nobody else's.
        model: name in the registry.
    """

    def __init__(self, provider: TracerProvider, model: str) -> None:
        self._tracer: Tracer = provider.get_tracer("millstream")
        self._model = model

    def tell(self, folder: RoundFolder, seconds: Mapping[str, float]) -> None:
        """See `Traces`."""
        report, published = folder.report(), folder.published() or {}
        parts = parts_of_round(seconds, report, published)
        end = time.time_ns()
        begin = end - nanoseconds(sum(parts[name] for name in outer_parts(parts)))
        facts = facts_of(folder, self._model, report, published)
        span = self._tracer.start_span("round", start_time=begin, attributes=facts)
        self._tell_steps(span, parts, begin)
        span.end(end_time=end)

    def _tell_steps(self, parent: Any, parts: Mapping[str, float], begin: int) -> None:
        for step, names in STEP_PARTS.items():
            is_part = names == (STEPS[step],)  # the step has one part, which has its name
            named = {} if is_part else {name: parts[name] for name in names if name in parts}
            facts = {"millstream.step": step}
            begin = self._tell_span(parent, STEPS[step], named, begin, (parts, facts))

    def _tell_span(
        self,
        parent: Any,
        name: str,
        inside: Mapping[str, float],
        begin: int,
        told: tuple[Mapping[str, float], Mapping[str, Any]],
    ) -> int:
        """A span that holds others one behind another; returns its end."""
        from opentelemetry.trace import set_span_in_context

        parts, facts = told
        context = set_span_in_context(parent)
        span = self._tracer.start_span(name, context, start_time=begin, attributes=dict(facts))
        at = begin
        for part, seconds in inside.items():
            within = {each: parts[each] for each in INSIDE.get(part, ()) if each in parts}
            self._tell_span(span, part, within, at, (parts, {}))
            at += nanoseconds(seconds)
        end = begin + nanoseconds(parts[name]) if name in parts else at
        span.end(end_time=end)
        return end


def parts_of_round(
    seconds: Mapping[str, float], report: Mapping[str, Any], published: Mapping[str, Any]
) -> dict[str, float]:
    """Seconds of all parts; what finishing took beside publication is the commit."""
    publication = published.get("seconds", {})
    commit = max(0.0, seconds.get("finish", 0.0) - sum(publication.values()))
    training = report.get("training", {}).get("seconds_by_part", {})
    own = {name: value for name, value in seconds.items() if name != "finish"}
    return {**own, **publication, **training, "commit": commit}


def outer_parts(parts: Mapping[str, float]) -> list[str]:
    """The names of the parts that no other part contains."""
    return [name for names in STEP_PARTS.values() for name in names if name in parts]


def facts_of(
    folder: RoundFolder, model: str, report: Mapping[str, Any], published: Mapping[str, Any]
) -> dict[str, Any]:
    """The attributes of a round's span."""
    facts = {
        "millstream.model": model,
        "millstream.round": folder.number,
        "millstream.reason": folder.plan().reason,
        "millstream.records": report["counts"]["seen"],
        "millstream.dead_letters": report["counts"]["bad"],
        "millstream.sampled": report["sampled"],
        "millstream.epochs": report["training"]["epochs"],
        "millstream.bound": published.get("verdict", {}).get("bound"),
        "millstream.version": published.get("version"),
        "millstream.promoted": published.get("promoted"),
    }
    return {name: value for name, value in facts.items() if value is not None}


def nanoseconds(seconds: float) -> int:
    """Seconds as OpenTelemetry counts them."""
    return round(seconds * 1e9)


@contextmanager
def open_traces(config: Config) -> Iterator[Traces]:
    """Send traces to `service.otlp_endpoint`, else where OpenTelemetry's own variables say.

    Raises:
        ConfigError: an endpoint is configured, and the exporter is not installed.
    """
    endpoint = config.service.otlp_endpoint
    if endpoint is None and not any(os.environ.get(name) for name in VARIABLES):
        yield NoTraces()
        return
    try:
        provider = make_provider(endpoint)
    except ModuleNotFoundError as error:
        if endpoint is not None:
            raise ConfigError(
                "service.otlp_endpoint: expected OpenTelemetry's exporter, got"
                f" {error}; install millstream[otel], or remove the setting"
            ) from error
        log.warning("OpenTelemetry's exporter is not installed (millstream[otel]): no traces")
        yield NoTraces()
        return
    try:
        yield RoundTraces(provider, config.registry.name)
    finally:
        provider.shutdown()


def make_provider(endpoint: str | None) -> TracerProvider:
    """A provider that sends in the background; not the global one."""
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    from opentelemetry.sdk.resources import Resource
    from opentelemetry.sdk.trace import TracerProvider
    from opentelemetry.sdk.trace.export import BatchSpanProcessor

    traces = None if endpoint is None else f"{endpoint.rstrip('/')}/v1/traces"
    exporter = OTLPSpanExporter(endpoint=traces, timeout=TIMEOUT_S)
    provider = TracerProvider(resource=Resource.create({"service.name": "millstream"}))
    provider.add_span_processor(BatchSpanProcessor(exporter))
    return provider
