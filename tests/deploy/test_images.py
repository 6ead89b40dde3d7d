"""deploy/Dockerfile, and that what its images are told fits what is in them."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
import time
from pathlib import Path

import pytest

from millstream.config.config import load_config
from tests.deploy.compose_file import ROOT, SECRETS, argv, services

DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()
SERVICES = services(SECRETS, ("demo", "brokers", "workers"))
BUILT = [name for name in SERVICES if "build" in SERVICES[name]]


def stage(target):
    return DOCKERFILE.split(f" AS {target}\n")[1].split("\nFROM ")[0]


def test_base_images_are_pinned():
    stages = set(re.findall(r"^FROM \S+ AS (\S+)$", DOCKERFILE, re.MULTILINE))
    outside = set(re.findall(r"^FROM (\S+)", DOCKERFILE, re.MULTILINE)) - stages
    assert len(outside) == 2
    assert all(re.search(r":v?\d+\.\d+\.\d+", image) for image in outside)


@pytest.mark.parametrize("name", BUILT)
def test_what_is_built_is_there_and_is_not_root(name):
    build = SERVICES[name]["build"]
    assert (ROOT / build["context"]).resolve() == ROOT
    assert (ROOT / build["dockerfile"]).is_file()
    users = re.findall(r"^USER (\S+)$", stage(build["target"]), re.MULTILINE)
    assert users[-1] == "10001"


def test_what_it_copies_is_there_and_not_ignored():
    kept = {
        line[1:] for line in (ROOT / ".dockerignore").read_text().splitlines() if line[:1] == "!"
    }
    copied = re.findall(r"^COPY (?!--from)(.*)$", DOCKERFILE, re.MULTILINE)
    assert copied
    for line in copied:
        for source in [word for word in shlex.split(line) if not word.startswith("--")][:-1]:
            assert (ROOT / source).exists()
            assert source in kept


def test_what_pip_installs_is_pinned():
    pinned = {
        line.split("==")[0].lower()
        for line in (ROOT / "constraints.txt").read_text().splitlines()
        if "==" in line
    }
    for line in re.findall(r"pip install -c \S+ (.*)$", DOCKERFILE, re.MULTILINE):
        words = [word for word in line.split() if word not in ("-r", "dependencies.txt")]
        named = [word for word in words if not word.startswith("$")]
        assert set(named) <= pinned
    assert re.search(r"^ARG PACKAGES=(\S+)$", DOCKERFILE, re.MULTILINE)[1] in pinned


def test_another_tensorflow_takes_the_place_of_the_plain_one(tmp_path):
    script = re.search(r'RUN python -c "(.*)" \\\n\s+\| sed "(.*)" >', DOCKERFILE)
    listed = subprocess.run(
        ["python3", "-c", script[1].replace("\\n", "\n").replace("'\n'", "'\\n'")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    edit = script[2].replace("$TENSORFLOW", "tensorflow[and-cuda]")
    edited = subprocess.run(
        ["sed", edit], input=listed, capture_output=True, text=True, check=True
    ).stdout
    before, after = listed.splitlines(), edited.splitlines()
    assert [line for line in before if line not in after] == [
        line for line in before if re.match(r"tensorflow[<>=]", line)
    ]
    assert sum(line.startswith("tensorflow[and-cuda]>=") for line in after) == 1


def test_the_trainers_configuration_names_the_services(monkeypatch):
    trainer = SERVICES["trainer"]
    for name, value in trainer["environment"].items():
        monkeypatch.setenv(name, value)
    config = load_config(ROOT / "deploy" / "compose" / "millstream.toml")
    assert (config.directory / "model.py").is_file()
    host, port = str(config.kafka.bootstrap_servers).split(":")
    assert f"INSIDE://{host}:{port}" in SERVICES[host]["environment"]["KAFKA_ADVERTISED_LISTENERS"]
    assert config.registry.tracking_uri == "http://mlflow:5000"
    assert "mlflow:5000" in SERVICES["mlflow"]["environment"]["MLFLOW_SERVER_ALLOWED_HOSTS"]
    topics = argv(SERVICES["topics"]["command"])
    assert topics[topics.index("--topic") + 1] in config.kafka.topics
    mounted = [volume.split(":")[1] for volume in trainer["volumes"]]
    assert any(str(config.state_dir).startswith(place) for place in mounted)
    assert (
        f"state:-{config.state_dir}"
        in f"state:{(ROOT / 'deploy/alive.sh').read_text()}".replace(
            "${MILLSTREAM_STATE:-", "state:-"
        )
    )


@pytest.mark.parametrize(("rank", "sign"), [("0", "status.json"), ("1", "workers/1.beat")])
def test_alive_is_who_has_given_a_sign(tmp_path, rank, sign):
    def alive(*arguments, **variables):
        return subprocess.run(
            [ROOT / "deploy" / "alive.sh", *arguments],
            env={"PATH": os.environ["PATH"], "MILLSTREAM_STATE": str(tmp_path), **variables},
            check=False,
        ).returncode

    def age(path: Path, seconds: float) -> None:
        at = time.time() - seconds
        os.utime(path, (at, at))

    path = tmp_path / sign
    path.parent.mkdir(exist_ok=True)
    assert alive("1", rank) == 1
    path.touch()
    assert alive("1", rank) == 0
    assert alive("1", JOB_COMPLETION_INDEX=rank) == 0
    assert alive("1", str(1 - int(rank))) == 1
    age(path, 300)
    assert alive("1", rank) == 1
    assert alive("15", rank) == 0
