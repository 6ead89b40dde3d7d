"""docker-compose.yml at work, without Docker: see `tests.deploy.native`."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.deploy.compose_file import ROOT, SECRETS, services

pytestmark = [pytest.mark.long, pytest.mark.timeout(1800)]
UNSHARE = ("unshare", "--mount", "--net", "--pid", "--fork", "--kill-child", "--mount-proc")


def missing():
    """What this machine lacks, and how to get it; None if nothing."""
    if os.geteuid() != 0:
        return "namespaces for services need root"
    if subprocess.run([*UNSHARE, "true"], capture_output=True, check=False).returncode:
        return "this machine gives no namespaces"
    if not list(Path("/usr/lib/postgresql").glob("*/bin/initdb")):
        return "PostgreSQL is not here: apt install postgresql"
    if shutil.which("prometheus") is None:
        return "Prometheus is not here: apt install prometheus"
    if "VERSITYGW" not in os.environ:
        return "the S3 store is not here: make test-deploy builds it"
    return None


@pytest.fixture
def seen(request, tmp_path):
    """What was seen of all services with some profiles."""
    if why := missing():
        pytest.skip(why)
    command = [*UNSHARE, sys.executable, "-m", "tests.deploy.native", str(tmp_path)]
    done = subprocess.run(
        [*command, os.environ["VERSITYGW"], *request.param],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-6000:]
    print(done.stdout)
    return json.loads(done.stdout)


@pytest.mark.parametrize(
    ("seen", "profiles"),
    [(["demo"], ["demo"]), (["demo", "brokers", "workers"],) * 2],
    indirect=["seen"],
    ids=["alone", "three brokers, two workers"],
)
def test_every_service_does_what_it_is_there_for(seen, profiles):
    wanted = services(SECRETS, profiles)
    count = 3 if "brokers" in profiles else 1
    states = seen["states"]
    assert states.pop("grafana") == "missing"
    assert {name for name, state in states.items() if state == "done"} == {"topics", "bucket"}
    checked = {name for name in states if "healthcheck" in wanted[name]}
    assert set(seen["healthy"]) == checked
    assert seen["topic"] == {"partitions": 4, "copies": [count], "brokers": count}
    assert int(seen["registry"]["champion"]) >= 1
    assert seen["registry"]["model_bytes"] > 1000
    assert seen["direct"]["model_bytes"] > 1000
    assert {".gzip", ".keras"} <= set(seen["objects"])
    assert seen["page"] == {"/": 200, "/api/state": 200, "/metrics": 200}
    assert seen["prometheus"]["targets"] == {"trainer:8765": "up"}
    assert seen["prometheus"]["alerts"]
    assert all(alert.endswith(": ok") for alert in seen["prometheus"]["alerts"])
    assert all(series > 0 for series in seen["dashboard"].values())
    assert set(seen["stopped"].values()) == {0}
    assert seen["told"] == []
