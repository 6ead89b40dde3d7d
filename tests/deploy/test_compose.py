"""docker-compose.yml: what it promises about health, pins, ports, secrets and rights."""

from __future__ import annotations

import json
import re
from functools import cache
from mimetypes import guess_type

import jsonschema
import pytest

from millstream.workers.environment import own_rank, worker_count
from registry.package import FLOAT32_FILE, KERAS_FILE, MODEL_FILE
from tests.deploy.compose_file import ENV_FILES, ROOT, SECRETS, load, read_env_file, services

SCHEMAS = ROOT / "tests" / "deploy" / "schemas"
COMPOSE = load()
SERVICES = services()
ONE_SHOT = {
    name
    for name, service in SERVICES.items()
    if service["restart"] in ("no", "on-failure") and "healthcheck" not in service
}
SECRET = re.compile(r"PASS(WORD)?|SECRET|TOKEN|KEY$", re.IGNORECASE)
PROFILES = {
    "alone": ([], []),
    "demo": (["demo"], []),
    "brokers": (["brokers"], ["brokers"]),
    "workers": (["workers"], ["workers"]),
    "all": (["demo", "brokers", "workers"], ["brokers", "workers"]),
}


@cache
def validator() -> jsonschema.Draft7Validator:
    return jsonschema.Draft7Validator(json.loads((SCHEMAS / "compose-spec.json").read_text()))


def filled(way):
    profiles, files = PROFILES[way]
    variables = dict(SECRETS)
    for name in files:
        variables |= read_env_file(ENV_FILES[name])
    return variables, services(variables, profiles)


@pytest.mark.parametrize("way", PROFILES)
def test_it_is_what_the_compose_specification_allows(way):
    variables, _ = filled(way)
    validator().validate(load())
    validator().validate(load(variables))


def test_the_schema_refuses_what_is_no_compose_file():
    wrong = load()
    wrong["services"]["kafka"]["helthcheck"] = {}
    with pytest.raises(jsonschema.ValidationError, match="helthcheck"):
        validator().validate(wrong)


@pytest.mark.parametrize("secret", SECRETS)
def test_without_a_password_nothing_starts(secret):
    with pytest.raises(KeyError, match=secret):
        load({name: value for name, value in SECRETS.items() if name != secret})


def test_secrets_have_no_default():
    found = 0
    for service in SERVICES.values():
        for key, value in service.get("environment", {}).items():
            if SECRET.search(key):
                found += 1
                assert re.fullmatch(r"\$\{[A-Z_]+:\?[^}]+\}", value)
            assert not re.search(r"://[^/]*:[^/]*@", value)
    assert found == 6


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_has_a_health_check_or_ends(name):
    assert name in ONE_SHOT or SERVICES[name]["healthcheck"]["test"]
    assert name not in ONE_SHOT or name in {"topics", "bucket", "producer"}


@pytest.mark.parametrize("name", SERVICES)
def test_every_service_begins_again_after_a_failure_or_a_restart_of_the_machine(name):
    assert SERVICES[name]["restart"] == "unless-stopped" or name in ONE_SHOT


@pytest.mark.parametrize("name", SERVICES)
def test_what_a_service_needs_is_healthy_or_done_first(name):
    for other, wish in SERVICES[name].get("depends_on", {}).items():
        done = "service_completed_successfully" if other in ONE_SHOT else "service_healthy"
        assert wish["condition"] == done
        assert wish.get("required", True) == ("profiles" not in SERVICES[other])


@pytest.mark.parametrize("name", SERVICES)
def test_ports_are_on_loopback(name):
    for port in SERVICES[name].get("ports", []):
        assert re.fullmatch(r"127\.0\.0\.1:\d+:\d+", port)


def test_no_port_of_this_machine_is_taken_twice():
    ports = [port.split(":")[1] for item in SERVICES.values() for port in item.get("ports", [])]
    assert len(set(ports)) == len(ports)


@pytest.mark.parametrize("name", SERVICES)
def test_images_are_pinned(name):
    assert re.fullmatch(r"[a-z/-]+:v?\d+\.\d+(\.\d+)?[a-z0-9.-]*", SERVICES[name]["image"])


@pytest.mark.parametrize("name", SERVICES)
def test_nobody_gets_rights_that_it_does_not_need(name):
    assert SERVICES[name]["cap_drop"] == ["ALL"]
    assert "no-new-privileges:true" in SERVICES[name]["security_opt"]
    assert SERVICES[name].get("user", "") not in {"root", "0"}
    assert not SERVICES[name].get("privileged")


@pytest.mark.parametrize("name", SERVICES)
def test_volumes_are_declared_or_there(name):
    for volume in SERVICES[name].get("volumes", []):
        source, *rest = volume.split(":")
        assert source in COMPOSE["volumes"] or ((ROOT / source).exists() and rest[-1] == "ro")


def test_no_volume_is_shared_but_the_workers():
    owners = {}
    for name, service in SERVICES.items():
        for volume in service.get("volumes", []):
            owners.setdefault(volume.split(":")[0], []).append(name)
    shared = {name: who for name, who in owners.items() if len(who) > 1 and name[0] != "."}
    assert shared == {"trainer-state": ["trainer", "trainer-2"]}


def test_three_brokers_vote_and_copy():
    _, running = filled("brokers")
    nodes = {name: running[name]["environment"] for name in ("kafka", "kafka-2", "kafka-3")}
    voters = {node["KAFKA_CONTROLLER_QUORUM_VOTERS"] for node in nodes.values()}
    assert voters == {
        ",".join(f"{node['KAFKA_NODE_ID']}@{name}:9093" for name, node in nodes.items())
    }
    assert {node["KAFKA_DEFAULT_REPLICATION_FACTOR"] for node in nodes.values()} == {"3"}
    assert {node["KAFKA_MIN_INSYNC_REPLICAS"] for node in nodes.values()} == {"2"}
    servers = running["trainer"]["environment"]["KAFKA_SERVERS"].split(",")
    for (name, node), server in zip(nodes.items(), servers, strict=True):
        assert f"INSIDE://{server}" in node["KAFKA_ADVERTISED_LISTENERS"]
        assert server == f"{name}:19092"
        host = node["KAFKA_ADVERTISED_LISTENERS"].split("HOST://")[1]
        assert running[name]["ports"] == [f"{host}:{host.split(':')[1]}"]


def test_a_broker_alone_has_one_copy():
    _, running = filled("alone")
    node = running["kafka"]["environment"]
    assert node["KAFKA_CONTROLLER_QUORUM_VOTERS"] == "1@kafka:9093"
    assert {value for key, value in node.items() if key.endswith(("FACTOR", "_ISR"))} == {"1"}


@pytest.mark.parametrize(("way", "count"), [("alone", 1), ("workers", 2), ("all", 2)])
def test_workers_know_each_other(way, count):
    _, running = filled(way)
    workers = [name for name in running if name.startswith("trainer")]
    assert len(workers) == count
    told = [running[name]["environment"] for name in workers]
    assert [worker_count(item) for item in told] == count * [count]
    assert [own_rank(item) for item in told] == list(range(count))
    addresses = json.loads(told[0]["TF_CONFIG"])["cluster"]["worker"]
    assert addresses == [f"{name}:2222" for name in workers]


def test_the_store_keeps_what_a_version_has_as_it_is():
    """MLflow tells S3 of a file's encoding by its name; what has one, clients unpack."""
    for name in (FLOAT32_FILE, KERAS_FILE, MODEL_FILE):
        assert guess_type(name)[1] is None
    assert "MLFLOW_S3_UPLOAD_EXTRA_ARGS" not in SERVICES["mlflow"]["environment"]
