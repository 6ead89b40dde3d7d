"""docker-compose.yml as Docker's own library reads it: nothing else than we do."""

from __future__ import annotations

import json
import os
import subprocess

import pytest

from tests.deploy.compose_file import ENV_FILES, ROOT, SECRETS, argv, read_env_file, services

pytestmark = [
    pytest.mark.skipif(
        "COMPOSECHECK" not in os.environ, reason="make test-deploy builds the reader"
    )
]


def read(tmp_path, profiles, secrets):
    path = tmp_path / "secrets.env"
    path.write_text("".join(f"{name}={value}\n" for name, value in secrets.items()))
    files = [path, *(ENV_FILES[name] for name in profiles if name in ENV_FILES)]
    command = [os.environ["COMPOSECHECK"]]
    command += [f"--env-file={file}" for file in files]
    command += [f"--profile={name}" for name in profiles]
    return subprocess.run(
        [*command, str(ROOT / "docker-compose.yml")], capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize(
    "profiles", [[], ["demo"], ["brokers"], ["workers"], ["demo", "brokers", "workers"]]
)
def test_both_read_the_same(tmp_path, profiles):
    done = read(tmp_path, profiles, SECRETS)
    assert done.returncode == 0, done.stderr
    theirs = json.loads(done.stdout)["services"]
    variables = dict(SECRETS)
    for name in profiles:
        variables |= read_env_file(ENV_FILES[name]) if name in ENV_FILES else {}
    ours = services(variables, profiles)
    assert set(theirs) == set(ours)
    for name, service in ours.items():
        assert theirs[name].get("environment", {}) == service.get("environment", {})
        if "command" in service:
            assert theirs[name]["command"] == argv(service["command"])
        if "healthcheck" in service:
            assert theirs[name]["healthcheck"]["test"] == [
                "CMD-SHELL",
                service["healthcheck"]["test"],
            ]


def test_both_refuse_to_start_without_passwords(tmp_path):
    done = read(tmp_path, [], {})
    assert done.returncode == 1
    assert all(f"set {name} to a password" in done.stderr for name in SECRETS)


def test_buildkit_reads_the_dockerfile_without_a_warning():
    done = subprocess.run(
        [os.environ["COMPOSECHECK"], "--dockerfile", str(ROOT / "deploy" / "Dockerfile")],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    wanted = {item["build"]["target"] for item in services().values() if "build" in item}
    assert wanted <= set(json.loads(done.stdout))


def test_buildkit_refuses_what_it_does_not_know(tmp_path):
    path = tmp_path / "Dockerfile"
    path.write_text("FROM scratch AS one\nCOPPY a b\n")
    done = subprocess.run(
        [os.environ["COMPOSECHECK"], "--dockerfile", str(path)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 1
    assert "COPPY" in done.stderr
