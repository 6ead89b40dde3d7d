"""Followers that are killed at a step of a pull, or have no room for it; run by `test_follow`.

Arguments: a tracking URI whose champion is version 1 of two, and a folder. Prints one JSON list.
"""

from __future__ import annotations

import json
import logging
import os
import resource
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store  # noqa: F401 - before the forks, not in each
from mlflow import MlflowClient

import registry.mlflow_registry
from registry import ModelRegistry
from registry.following import Follower
from registry.shelf import Shelf, open_shelf


def die(*_: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def before(owner: Any, name: str, when: Callable[..., bool] = lambda *_: True) -> None:
    """Die instead of a call of ours."""
    real = getattr(owner, name)
    setattr(owner, name, lambda *given: die() if when(*given) else real(*given))


def after(owner: Any, name: str) -> None:
    """Die when a call of ours has returned."""
    real = getattr(owner, name)
    setattr(owner, name, lambda *given: (real(*given), die()))


POINTS: dict[str, Callable[[], None]] = {
    "downloaded": lambda: before(registry.mlflow_registry, "complete"),
    "written": lambda: after(registry.mlflow_registry, "complete"),
    "pulled": lambda: before(Shelf, "switch"),
    "between the links": lambda: before(Shelf, "_link", lambda _, name, __: name == "current"),
    "switched": lambda: after(Shelf, "switch"),
}


@contextmanager
def follower(uri: str, out: Path) -> Iterator[tuple[Follower, Shelf]]:
    with open_shelf(out, "flights@champion") as shelf:
        yield Follower(ModelRegistry("flights", uri), "champion", shelf, 1.0), shelf


def forked(work: Callable[[], Any]) -> int:
    """How a process that does some work ended."""
    pid = os.fork()
    if pid == 0:
        work()
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def look(uri: str, out: Path, prepare: Callable[[], None]) -> None:
    with follower(uri, out) as (one, _):
        prepare()
        one.look()


def without_room(uri: str, out: Path, told: Path) -> None:
    """Look twice where no file may be larger than a kilobyte."""
    with follower(uri, out) as (one, _):
        handler = logging.StreamHandler(told.open("w"))
        logging.getLogger("millstream").addHandler(handler)
        _, most = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, most))
        one.look()
        one.look()
        assert one.model.version.version == 1
        assert one.pause_s == 2.0


def state(out: Path) -> dict[str, Any]:
    versions = sorted(p.name for p in (out / "versions").iterdir())
    return {"current": (out / "current").readlink().name, "versions": versions}


def main(uri: str, folder: Path) -> list[dict[str, Any]]:
    found = []
    client = MlflowClient(uri, uri)
    for place, point in enumerate([*POINTS, "full"]):
        client.set_registered_model_alias("flights", "champion", "1")
        out, told = folder / str(place), folder / "told"
        look(uri, out, lambda: None)
        client.set_registered_model_alias("flights", "champion", "2")
        if point == "full":
            end = forked(lambda out=out, told=told: without_room(uri, out, told))
        else:
            end = forked(lambda out=out, point=point: look(uri, out, POINTS[point]))
        dead = state(out)
        second = out / "versions" / "2" / "version.json"
        made = second.stat().st_ino if second.exists() else None
        with follower(uri, out) as (one, shelf):
            first = one.model.version.version
            again = one.look()
            rest = {"number": one.model.version.version, "previous": shelf.previous()}
        report = {"point": point, "end": end, "dead": dead, "first": first, "again": again}
        kept = made is not None and second.stat().st_ino == made
        found.append({**report, **rest, "alive": state(out), "kept": kept})
    found[-1]["told"] = (folder / "told").read_text().splitlines()
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], Path(sys.argv[2]))))
