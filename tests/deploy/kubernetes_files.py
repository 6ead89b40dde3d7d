"""deploy/kubernetes: its files, what kustomize makes of them, and the schemas that they fit."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from functools import cache
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from tests.deploy.compose_file import ROOT

__all__ = ["FOLDER", "OVERLAYS", "Resource", "manifests", "one", "pods", "render", "validate"]

FOLDER = ROOT / "deploy" / "kubernetes"
OVERLAYS = sorted(path.name for path in (FOLDER / "overlays").iterdir())
SCHEMAS = ROOT / "tests" / "deploy" / "schemas"
Resource = dict[str, Any]


def manifests() -> list[tuple[Path, Resource]]:
    """Every whole resource that is written in a file, without kustomizations and patches."""
    found = []
    for folder in [FOLDER / "base", *(FOLDER / "overlays" / name for name in OVERLAYS)]:
        plan = yaml.safe_load((folder / "kustomization.yaml").read_text())
        for name in plan["resources"]:
            path = folder / name
            if path.is_file():
                found += [(path, item) for item in yaml.safe_load_all(path.read_text())]
    return found


def render(overlay: str) -> list[Resource]:
    """What `kubectl apply -k` of an overlay would send."""
    return list(yaml.safe_load_all(rendered(overlay)))


@cache
def rendered(overlay: str) -> str:
    """The same as text."""
    command = kustomize()
    if command is None:
        pytest.skip("neither kubectl nor kustomize is here; make test-deploy builds kustomize")
    folder = FOLDER / "overlays" / overlay
    done = subprocess.run([*command, folder], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def kustomize() -> list[str] | None:
    """The command that renders a folder; `KUSTOMIZE` names one, kubectl has one in it."""
    if given := os.environ.get("KUSTOMIZE"):
        return [given, "build"]
    if shutil.which("kustomize"):
        return ["kustomize", "build"]
    return ["kubectl", "kustomize"] if shutil.which("kubectl") else None


def one(resources: list[Resource], kind: str, name: str) -> Resource:
    """The only resource of that kind and name."""
    (found,) = [
        item for item in resources if item["kind"] == kind and item["metadata"]["name"] == name
    ]
    return found


def pods(resource: Resource) -> list[Resource]:
    """The pod templates in a resource."""
    spec = resource.get("spec", {})
    if resource["kind"] in {"Job", "Deployment", "StatefulSet"}:
        return [spec["template"]]
    if resource["kind"] == "TrainingRuntime":
        jobs = spec["template"]["spec"]["replicatedJobs"]
        return [job["template"]["spec"]["template"] for job in jobs]
    return []


def validate(resource: Resource) -> None:
    """Hold a resource against the official schema of its kind.

    Raises:
        jsonschema.ValidationError: it is not what the schema says.
    """
    kubernetes, trainer = schemas()
    kind = resource["kind"]
    if resource["apiVersion"].startswith("trainer.kubeflow.org/"):
        schema: Resource = _closed(trainer[kind])
    else:
        schema = {"$defs": kubernetes["$defs"], **kubernetes["kinds"][kind]}
    jsonschema.Draft202012Validator(schema).validate(resource)


@cache
def schemas() -> tuple[Resource, Resource]:
    """Kubernetes' schemas, and those of Kubeflow's trainer."""
    names = ("kubernetes-1.35.json", "kubeflow-trainer-2.3.json")
    kubernetes, trainer = [json.loads((SCHEMAS / name).read_text()) for name in names]
    return kubernetes, trainer


def _closed(schema: Any) -> Any:
    """The schema of a custom resource, as the server takes it: unknown keys are refused."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    closed = {
        key: value if key == "default" else _closed(value)
        for key, value in schema.items()
        if key != "properties"
    }
    if "properties" in schema:
        closed["properties"] = {
            key: {"type": "object"} if key == "metadata" else _closed(value)
            for key, value in schema["properties"].items()
        }
        closed.setdefault("additionalProperties", False)
    return closed
