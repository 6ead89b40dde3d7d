"""docker-compose.yml and what it names: health checks, pins, loopback ports, no secrets."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import yaml

from millstream.config import load_config

ROOT = Path(__file__).parents[3]
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
SERVICES: dict[str, dict[str, Any]] = COMPOSE["services"]
ONE_SHOT = {name for name, service in SERVICES.items() if service.get("restart") == "no"}
SECRET = re.compile(r"PASS(WORD)?|SECRET|TOKEN|KEY$", re.IGNORECASE)
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_health_check_or_ends(name):
    assert name in ONE_SHOT or SERVICES[name]["healthcheck"]["test"]


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_needs_is_healthy_or_done_first(name):
    for other, wish in SERVICES[name].get("depends_on", {}).items():
        done = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert wish == {"condition": done}


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_on_loopback(name):
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_secrets_have_no_default():
    found = 0
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if SECRET.search(key):
                found += 1
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value)
            assert not re.search(r"://[^/]*:[^/]*@", value)
    assert found == 2


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name):
    assert re.fullmatch(r"[a-z/-]+:\d+\.\d+(\.\d+)?[a-z0-9.-]*", SERVICES[name]["image"])


def test_base_images_of_the_dockerfile_are_pinned():
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    outside = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) - stages
    assert outside
    assert all(re.search(r":\d+\.\d+\.\d+-slim", image) for image in outside)


@pytest.mark.parametrize("name", [name for name in SERVICES if "build" in SERVICES[name]])
def test_what_is_built_is_there(name):
    build = SERVICES[name]["build"]
    assert (ROOT / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()
    assert f" AS {build['target']}\n" in DOCKERFILE
    stage = DOCKERFILE.split(f" AS {build['target']}\n")[1].split("FROM ")[0]
    assert "USER 10001" in stage


def test_what_the_dockerfile_copies_is_there_and_not_ignored():
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    for line in re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE):
        for source in shlex.split(line)[:-1]:
            assert (ROOT / source).exists()
            assert source in kept


def test_volumes_are_declared_or_there():
    for service in SERVICES.values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            assert source in COMPOSE["volumes"] or (ROOT / source).is_dir()


def test_the_trainers_configuration_names_the_services():
    config = load_config(ROOT / "deploy" / "compose" / "millstream.toml")
    assert (config.directory / "model.py").is_file()
    host, port = str(config.kafka.bootstrap_servers).split(":")
    assert f"INSIDE://{host}:{port}" in SERVICES[host]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert config.registry.tracking_uri == "http://mlflow:5000"
    assert "mlflow:5000" in SERVICES["mlflow"]["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"]
    assert all(
        f"--topic {topic} " in SERVICES["topics"]["command"] for topic in config.kafka.topics
    )
    state = SERVICES["trainer"]["healthcheck"]["test"].split()[1]
    assert state == str(config.state_dir / "status.json")
    assert any(
        str(config.state_dir).startswith(volume.split(":")[1])
        for volume in SERVICES["trainer"]["volumes"]
    )
