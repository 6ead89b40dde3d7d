"""Start docker-compose.yml without Docker, watch it work, stop it; print what was seen as JSON.

    unshare --mount --net --pid --fork --kill-child --mount-proc \\
        python -m tests.deploy.native FOLDER VERSITYGW [PROFILE]...
"""

from __future__ import annotations

import json
import secrets
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.deploy.compose_file import ENV_FILES, SECRETS, read_env_file, services
from tests.deploy.native.images import MISSING
from tests.deploy.native.machine import Machine, Service
from tests.deploy.native.questions import dashboard, page, prometheus, registry, topic

PATIENCE_S = 600.0
LEARN_S = 600.0
STOP_S = 120.0
SCRAPED_S = 60.0


def main() -> None:
    """Do it all."""
    folder, versitygw, profiles = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3:]
    variables = {name: secrets.token_hex(8) for name in SECRETS} | {"FLIGHTS_PER_SECOND": "4000"}
    for name in set(profiles) & set(ENV_FILES):
        variables |= read_env_file(ENV_FILES[name])
    wanted = services(variables, profiles)
    machine = Machine(folder, versitygw)
    machine.connect(list(wanted))
    running: dict[str, Service] = {}
    try:
        seen = up(machine, wanted, running) | watch(machine, running)
        seen["stopped"] = stop({name: running[name] for name in running if "trainer" in name})
        seen["told"] = sorted(told_secrets(machine, variables))
    except Exception:
        for name, service in running.items():
            said = service.log.read_bytes()[-3000:].decode("utf-8", "replace")
            print(f"== {name} ({service.process.poll()})\n{said}", file=sys.stderr)
        raise
    finally:
        stop(running)
    print(json.dumps(seen, indent=1))


def up(
    machine: Machine, wanted: dict[str, dict[str, Any]], running: dict[str, Service]
) -> dict[str, Any]:
    """Start all services, each when what it depends on is healthy or done."""
    states = dict.fromkeys(wanted, "waiting")
    for name in MISSING:
        states[name] = "missing"

    def step() -> bool:
        for name, service in wanted.items():
            if states[name] == "waiting" and is_due(service, states):
                running[name] = machine.start(name, service)
                states[name] = "started"
            elif states[name] == "started":
                states[name] = look(machine, running[name])
        return "waiting" not in states.values() and "started" not in states.values()

    wait(step, PATIENCE_S, lambda: f"services: {states}")
    return {"states": states}


def is_due(service: dict[str, Any], states: dict[str, str]) -> bool:
    """Whether all that a service depends on is as it wants it."""
    wishes = {"service_healthy": "healthy", "service_completed_successfully": "done"}
    return all(
        states[other] == wishes[wish["condition"]]
        for other, wish in service.get("depends_on", {}).items()
        if other in states
    )


def look(machine: Machine, service: Service) -> str:
    """What has become of a service that was started."""
    code = service.process.poll()
    if code is not None:
        if code != 0:
            raise RuntimeError(f"{service.name} has ended with {code}")
        return "done"
    if service.check:
        return "healthy" if machine.is_healthy(service) else "started"
    return "running" if service.name == "producer" else "started"


def watch(machine: Machine, running: dict[str, Service]) -> dict[str, Any]:
    """Wait for a champion, then ask everything what it knows."""
    seen: dict[str, Any] = {}

    def step() -> bool:
        for name, service in running.items():
            if service.process.poll() not in (None, 0):
                raise RuntimeError(f"{name} has ended with {service.process.returncode}")
        seen["registry"] = registry()
        return seen["registry"]["champion"] is not None

    wait(step, LEARN_S, lambda: f"no champion yet: {seen}")
    seen["direct"] = registry(direct=True)
    seen["topic"] = topic(running["trainer"].environment["KAFKA_SERVERS"])
    objects = machine.volume("store-data").rglob("*")
    seen["objects"] = sorted({path.suffix for path in objects if path.is_file()})
    seen["page"] = page()
    seen["prometheus"] = prometheus()

    def is_scraped() -> bool:
        seen["dashboard"] = dashboard()
        return all(seen["dashboard"].values())

    wait(is_scraped, SCRAPED_S, lambda: f"panels without numbers: {seen['dashboard']}")
    seen["healthy"] = sorted(
        name for name, item in running.items() if item.check and machine.is_healthy(item)
    )
    return seen


def stop(running: dict[str, Service]) -> dict[str, int]:
    """Ask services to end, last ones first; their exit codes."""
    for service in reversed(running.values()):
        if service.process.poll() is None:
            service.process.send_signal(signal.SIGTERM)
    codes = {}
    for name, service in running.items():
        try:
            codes[name] = service.process.wait(STOP_S)
        except subprocess.TimeoutExpired:
            service.process.kill()
            codes[name] = -9
    return codes


def told_secrets(machine: Machine, variables: dict[str, str]) -> set[str]:
    """The services whose output shows a password."""
    return {
        path.stem
        for path in (machine.folder / "logs").iterdir()
        for name in SECRETS
        if variables[name].encode() in path.read_bytes()
    }


def wait(step: Callable[[], bool], seconds: float, said: Callable[[], str]) -> None:
    """Repeat a step until it is true."""
    deadline = time.monotonic() + seconds
    while not step():
        if time.monotonic() > deadline:
            raise TimeoutError(f"not within {seconds:g} s: {said()}")
        time.sleep(0.5)


if __name__ == "__main__":
    main()
