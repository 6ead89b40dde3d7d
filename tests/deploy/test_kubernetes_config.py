"""The configuration that pods are given, and where they find it."""

from __future__ import annotations

import pytest

from millstream.config.config import load_config
from tests.deploy.compose_file import ROOT
from tests.deploy.kubernetes_files import FOLDER, OVERLAYS, one, pods, render

COMPOSE = ROOT / "deploy" / "compose"
SECRETS = ("KAFKA_PASSWORD",)


def container_of(overlay):
    (template,) = [
        pod
        for item in render(overlay)
        if item["metadata"]["name"] == "millstream"
        for pod in pods(item)
    ]
    return template["spec"], template["spec"]["containers"][0]


@pytest.fixture(params=OVERLAYS)
def configured(request, tmp_path, monkeypatch):
    """An overlay, its configuration as a pod reads it, and where that lies."""
    for name in SECRETS:
        monkeypatch.setenv(name, "of-a-test")
    files = one(render(request.param), "ConfigMap", "millstream")["data"]
    for name, text in files.items():
        (tmp_path / name).write_text(text)
    return request.param, load_config(tmp_path / "millstream.toml")


def test_it_is_valid_and_its_state_is_on_the_volume(configured):
    overlay, config = configured
    spec, container = container_of(overlay)
    mounts = {mount["name"]: mount["mountPath"] for mount in container["volumeMounts"]}
    claims = {
        volume["name"]: volume["persistentVolumeClaim"]["claimName"]
        for volume in spec["volumes"]
        if "persistentVolumeClaim" in volume
    }
    assert claims == {"state": "millstream-state"}
    assert str(config.state_dir).startswith(mounts["state"] + "/")
    assert f"MILLSTREAM_STATE:-{config.state_dir}}}" in (ROOT / "deploy/alive.sh").read_text()
    assert (config.directory / "model.py").is_file()
    arguments = (
        container.get("args")
        or one(render(overlay), "TrainJob", "millstream")["spec"]["trainer"]["args"]
    )
    assert arguments == ["run", "--config", f"{mounts['config']}/millstream.toml"]


def test_workers_can_reach_broker_and_registry(configured):
    overlay, config = configured
    servers, registry = str(config.kafka.bootstrap_servers), str(config.registry.tracking_uri)
    if overlay == "local":
        for address, name in ((servers, "kafka"), (registry.split("//")[1], "mlflow")):
            service = one(render("local"), "Service", name)["spec"]["ports"][0]
            assert address == f"{name}:{service['port']}"
    open_ports = {
        port["port"]
        for rule in one(render(overlay), "NetworkPolicy", "millstream")["spec"]["egress"]
        for port in rule["ports"]
    }
    assert int(servers.split(":")[1]) in open_ports
    assert (5000 if registry.startswith("http:") else 443) in open_ports


def test_the_page_is_where_its_service_says(configured):
    overlay, config = configured
    _, container = container_of(overlay)
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    service = one(render(overlay), "Service", "millstream-page")
    assert config.page.host == "0.0.0.0"
    assert ports["page"] == config.page.port
    assert service["spec"]["ports"][0]["targetPort"] == "page"
    assert service["metadata"]["name"] in config.page.allowed_hosts


@pytest.mark.parametrize("folder", [FOLDER / "base", FOLDER / "overlays" / "local"])
def test_all_of_them_train_the_same_model(folder, monkeypatch):
    for name in ("KAFKA_PASSWORD", "KAFKA_SERVERS"):
        monkeypatch.setenv(name, "of-a-test:9092")
    theirs, ours = load_config(folder / "millstream.toml"), load_config(COMPOSE / "millstream.toml")
    for section in ("schema_", "sample", "train", "trigger", "service"):
        assert getattr(theirs, section) == getattr(ours, section)
    demo = (ROOT / "millstream" / "demo" / "model.py").read_text()
    for place in (COMPOSE, FOLDER / "base"):
        assert (place / "model.py").read_text() == demo
