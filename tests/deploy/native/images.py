"""What a service's image brings: command, environment, user and folder.

Our own images are read from deploy/Dockerfile; their Python packages are those of this virtual
environment, which are pinned by the same file. What others build is stood in for by Debian's
PostgreSQL and Prometheus, by versitygw built from its source, and by Kafka's jars behind a script
that does what the image's does. Grafana cannot be had here.
"""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.deploy.compose_file import ROOT, argv

__all__ = ["MISSING", "Image", "command_of", "copies", "image_of"]

MISSING = ("grafana",)
DOCKERFILE = (ROOT / "deploy" / "Dockerfile").read_text()


@dataclass(frozen=True)
class Image:
    """What an image says about the process that runs in it."""

    entrypoint: list[str] = field(default_factory=list)
    command: list[str] = field(default_factory=list)
    environment: dict[str, str] = field(default_factory=dict)
    user: str = "0"
    folder: str = "/"


OTHERS = {
    "apache/kafka": Image(["/opt/kafka/start"], user="appuser"),
    "postgres": Image(["/opt/postgres/start"], user="postgres"),
    "prom/prometheus": Image(["/usr/bin/prometheus"], user="65534", folder="/prometheus"),
    "versity/versitygw": Image(["/usr/local/bin/versitygw"]),
}


def image_of(service: dict[str, Any]) -> Image:
    """The image of a service; `user` of the service wins."""
    if "build" in service:
        image = _stage(service["build"]["target"])
    else:
        image = OTHERS[service["image"].split(":")[0]]
    user = service.get("user", image.user)
    return Image(image.entrypoint, image.command, image.environment, user, image.folder)


def command_of(service: dict[str, Any]) -> list[str]:
    """What is run: a service's command takes the place of its image's, behind the entry point."""
    image = image_of(service)
    if service.get("command"):
        given = argv(service["command"])
        # The other images' entry points run what is no option of theirs as a command.
        is_tool = given[0].startswith("/opt/kafka")
        return given if is_tool else [*image.entrypoint, *given]
    return [*image.entrypoint, *image.command]


def copies() -> list[tuple[Path, str]]:
    """Single files that the Dockerfile copies to a place in an image."""
    found = re.findall(r"^COPY --chmod=\d+ (\S+) (/\S+)$", DOCKERFILE, re.MULTILINE)
    return [(ROOT / source, target) for source, target in found]


def _stage(name: str) -> Image:
    match = re.search(rf"^FROM (\S+) AS {name}\n(.*?)(?=^FROM |\Z)", DOCKERFILE, re.M | re.S)
    assert match, name
    parent, body = match.groups()
    is_ours = re.search(rf"^FROM \S+ AS {re.escape(parent)}$", DOCKERFILE, re.MULTILINE)
    base = _stage(parent) if is_ours else OTHERS.get(parent.split(":")[0], Image())
    values = {"entrypoint": base.entrypoint, "command": base.command}
    environment, user, folder = dict(base.environment), base.user, base.folder
    for line in body.replace("\\\n", " ").splitlines():
        word, _, rest = line.partition(" ")
        if word == "ENV":
            for item in shlex.split(rest):
                key, _, value = item.partition("=")
                environment[key] = value.replace("$PATH", environment.get("PATH", "/usr/bin:/bin"))
        elif word == "USER":
            user = rest
        elif word == "WORKDIR":
            folder = rest
        elif word == "ENTRYPOINT":
            values = {"entrypoint": json.loads(rest), "command": []}
        elif word == "CMD":
            values["command"] = json.loads(rest)
    return Image(**values, environment=environment, user=user, folder=folder)
