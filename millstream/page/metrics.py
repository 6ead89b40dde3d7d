"""The page's `/metrics`: for Prometheus, in its text format or in OpenMetrics."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.exposition import choose_encoder
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from millstream.watch.metrics import ServiceCollector

__all__ = ["metrics_routes"]


def metrics_routes(folders: Sequence[Path]) -> list[Route]:
    """The routes of the metrics of some state folders; a thread of the server answers each."""
    registry = CollectorRegistry()
    registry.register(ServiceCollector(folders))

    def metrics(request: Request) -> Response:
        encode, kind = choose_encoder(request.headers.get("accept", ""))
        return Response(encode(registry), headers={"content-type": kind})

    return [Route("/metrics", metrics, methods=["GET"])]
