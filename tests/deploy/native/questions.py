"""What is asked of the running services, from outside of them."""

from __future__ import annotations

import gzip
import json
import os
import tempfile
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

from tests.deploy.compose_file import ROOT

__all__ = ["dashboard", "expressions", "page", "prometheus", "registry", "topic"]

DASHBOARD = ROOT / "deploy" / "grafana" / "dashboards" / "millstream.json"


def get(url: str) -> tuple[int, Any]:
    """Status and JSON (or text) of an answer."""
    try:
        with urllib.request.urlopen(url, timeout=20) as answer:
            status, text = answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        status, text = error.code, error.read().decode("utf-8", "replace")
    try:
        return status, json.loads(text)
    except ValueError:
        return status, text


def registry(direct: bool = False) -> dict[str, Any]:
    """The champion and its files: through MLflow, or with addresses of the store that it gives."""
    base = "http://mlflow:5000/api/2.0/mlflow"
    query = urllib.parse.urlencode({"name": "flights", "alias": "champion"})
    status, told = get(f"{base}/registered-models/alias?{query}")
    if status != 200:
        return {"champion": None}
    version = told["model_version"]
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["MLFLOW_TRACKING_URI"] = "http://mlflow:5000"
    os.environ["MLFLOW_ENABLE_PROXY_MULTIPART_DOWNLOAD"] = str(direct).lower()
    import mlflow

    with tempfile.TemporaryDirectory() as folder:
        source = f"models:/flights/{version['version']}"
        mlflow.artifacts.download_artifacts(source, dst_path=folder)
        files = sorted(str(path.relative_to(folder)) for path in Path(folder).rglob("*"))
        model = gzip.decompress(next(Path(folder).rglob("*.tflite.gzip")).read_bytes())
    return {"champion": version["version"], "files": files, "model_bytes": len(model)}


def topic(servers: str) -> dict[str, Any]:
    """Partitions and copies of the topic, and the brokers."""
    from kafka.admin import KafkaAdminClient

    admin = KafkaAdminClient(bootstrap_servers=servers.split(","))
    try:
        (told,) = admin.describe_topics(["flights"])
        brokers = admin.describe_cluster()["brokers"]
    finally:
        admin.close()
    copies = sorted({len(item["replica_nodes"]) for item in told["partitions"]})
    return {"partitions": len(told["partitions"]), "copies": copies, "brokers": len(brokers)}


def page() -> dict[str, Any]:
    """What the trainer's page answers."""
    port = 8765
    return {
        place: get(f"http://trainer:{port}{place}")[0] for place in ("/", "/api/state", "/metrics")
    }


def prometheus() -> dict[str, Any]:
    """What Prometheus scrapes, and which alerts it watches."""
    _, targets = get("http://prometheus:9090/api/v1/targets")
    _, rules = get("http://prometheus:9090/api/v1/rules")
    return {
        "targets": {
            item["labels"]["instance"]: item["health"] for item in targets["data"]["activeTargets"]
        },
        "alerts": sorted(
            f"{rule['name']}: {rule['health']}"
            for group in rules["data"]["groups"]
            for rule in group["rules"]
        ),
    }


def dashboard() -> dict[str, int]:
    """Each expression of the dashboard, and how many series it has; -1 for an error."""
    found = {}
    for expression in expressions():
        query = urllib.parse.urlencode({"query": expression})
        status, told = get(f"http://prometheus:9090/api/v1/query?{query}")
        found[expression] = len(told["data"]["result"]) if status == 200 else -1
    return found


def expressions() -> list[str]:
    """The queries of the dashboard's panels, with Grafana's own variables filled in."""
    if not DASHBOARD.exists():
        return []
    panels = json.loads(DASHBOARD.read_text())["panels"]
    return [
        target["expr"].replace("$__rate_interval", "1m").replace("$model", ".*")
        for panel in panels
        for target in panel.get("targets", [])
    ]
