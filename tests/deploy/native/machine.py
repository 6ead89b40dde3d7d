"""Where services run: one file system over this machine's, one network, nothing that stays.

Everything here needs root, and namespaces of its own: `unshare --mount --net --pid`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.deploy.compose_file import ROOT
from tests.deploy.native.images import Image, command_of, copies, image_of
from tests.deploy.native.stand_ins import write_stand_ins

__all__ = ["Machine", "Service"]

NET = "192.0.2"
USERS = {"millstream": 10001, "appuser": 1000}
SCRIPT = """
root=$1; shift
while [ "$1" != -- ]; do mount --bind ${3:+-o $3} "$1" "$root$2"; shift 3; done; shift
mount -t tmpfs -o mode=1777 tmpfs "$root/tmp"
exec chroot "$root" "$@"
"""


@dataclass
class Service:
    """A running service."""

    name: str
    process: subprocess.Popen[bytes]
    log: Path
    check: str
    user: str
    environment: dict[str, str]


class Machine:
    """The file system and the network of all services.

    Args:
        folder: of its own; what services write goes into it.
        versitygw: the program that stands in for the image of the store.
    """

    def __init__(self, folder: Path, versitygw: Path) -> None:
        self.folder, self.root = folder, folder / "root"
        self._made: set[str] = set()
        run("mount", "-t", "tmpfs", "tmpfs", "/run")
        for name in ("root", "upper", "work", "logs", "volumes"):
            (folder / name).mkdir()
        layers = f"lowerdir=/,upperdir={folder / 'upper'},workdir={folder / 'work'}"
        run("mount", "-t", "overlay", "overlay", "-o", layers, str(self.root))
        for name in ("proc", "dev", "sys"):
            run("mount", "--rbind", f"/{name}", str(self.root / name))
        self._furnish(versitygw)
        run("ip", "link", "set", "lo", "up")
        run("ip", "link", "add", "name", "bridge0", "type", "bridge")
        run("ip", "addr", "add", f"{NET}.1/24", "dev", "bridge0")
        run("ip", "link", "set", "bridge0", "up")

    def connect(self, names: list[str]) -> None:
        """Give each service an address, and tell all of them the names."""
        lines = ["127.0.0.1 localhost"]
        for number, name in enumerate(names, 10):
            lines.append(f"{NET}.{number} {name}")
            run("ip", "netns", "add", name)
            wire = ("type", "veth", "peer", "name", "eth0", "netns", name)
            run("ip", "link", "add", "name", f"veth{number}", *wire)
            run("ip", "link", "set", f"veth{number}", "master", "bridge0", "up")
            run("ip", "-n", name, "addr", "add", f"{NET}.{number}/24", "dev", "eth0")
            run("ip", "-n", name, "link", "set", "eth0", "up")
            run("ip", "-n", name, "link", "set", "lo", "up")
        hosts = self.root / "etc" / "hosts"
        hosts.write_text("\n".join(lines) + "\n")
        run("mount", "--bind", str(hosts), "/etc/hosts")

    def start(self, name: str, service: dict[str, Any]) -> Service:
        """Start a service as Docker would."""
        image = image_of(service)
        environment = {**image.environment, **service.get("environment", {})}
        environment.setdefault("PATH", "/usr/local/bin:/usr/bin:/bin")
        environment["PATH"] += ":/usr/local/bin"
        environment.setdefault("HOME", "/tmp")
        mounts = [
            part for volume in service.get("volumes", []) for part in self._volume(volume, image)
        ]
        log = self.folder / "logs" / f"{name}.log"
        command = ["ip", "netns", "exec", name, "unshare", "--mount", "sh", "-ec", SCRIPT, "sh"]
        command += [str(self.root), *mounts, "--", *as_user(image.user, environment, image.folder)]
        with log.open("ab") as output:
            process = subprocess.Popen(
                [*command, *command_of(service)],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
            )
        check = service.get("healthcheck", {}).get("test", "")
        return Service(name, process, log, check, image.user, environment)

    def is_healthy(self, service: Service) -> bool:
        """Run the service's own health check where the service runs."""
        command = ["nsenter", "--target", str(service.process.pid), "--mount", "--net"]
        command += ["chroot", str(self.root), *as_user(service.user, service.environment, "/")]
        done = subprocess.run(
            [*command, "sh", "-c", service.check], capture_output=True, timeout=60, check=False
        )
        return done.returncode == 0

    def volume(self, name: str) -> Path:
        """Where a named volume lies."""
        return self.folder / "volumes" / name

    def _volume(self, volume: str, image: Image) -> list[str]:
        source, target, *options = volume.split(":")
        if source.startswith("."):
            place = (ROOT / source).resolve()
        else:
            place = self.volume(source)
            place.mkdir(exist_ok=True)
            # Docker gives a new volume the owner of the image's folder.
            run("chown", image.user, str(place))
        inside = self.root / target[1:]
        if place.is_dir():
            inside.mkdir(parents=True, exist_ok=True)
        else:
            inside.touch()
        return [str(place), target, "".join(options)]

    def _furnish(self, versitygw: Path) -> None:
        """What the images have that this machine has not, or elsewhere."""
        with (self.root / "etc" / "passwd").open("a") as file:
            for name, number in USERS.items():
                file.write(f"{name}:x:{number}:{number}::/tmp:/bin/sh\n")
        with (self.root / "etc" / "group").open("a") as file:
            for name, number in USERS.items():
                file.write(f"{name}:x:{number}:\n")
        shutil.copyfile(self.root / "etc" / "passwd", "/run/passwd")
        run("mount", "--bind", "/run/passwd", "/etc/passwd")
        for source, target in [*copies(), (versitygw, "/usr/local/bin/versitygw")]:
            shutil.copy(source, self.root / target[1:])
        (self.root / "opt" / "venv").symlink_to(sys.prefix)
        home = self.root / Path.home().relative_to("/")
        home.chmod(home.stat().st_mode | 0o11)
        for name in ("prometheus", "var/lib/millstream", "var/run/postgresql"):
            (self.root / name).mkdir(parents=True, exist_ok=True)
            (self.root / name).chmod(0o777)
        write_stand_ins(self.root)


def as_user(user: str, environment: dict[str, str], folder: str) -> list[str]:
    """The words before a command that runs it as a user without rights, in that environment."""
    words = ["setpriv", "--reuid", user, "--regid", user if user.isdecimal() else "nogroup"]
    words += ["--clear-groups", "--no-new-privs", "--bounding-set=-all", "--inh-caps=-all"]
    words += ["env", "-i", *(f"{key}={value}" for key, value in environment.items())]
    return [*words, "sh", "-c", f'cd {folder} && exec "$@"', "sh"]


def run(*command: str) -> None:
    """Run a command that must succeed."""
    subprocess.run(command, check=True, env={**os.environ, "LC_ALL": "C"})
