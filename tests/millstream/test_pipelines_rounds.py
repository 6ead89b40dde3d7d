"""Two pipelines, one command: a killed one comes back, the other goes on, both end with it."""

from __future__ import annotations

import json
import os
import re
import signal
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

from millstream.config.config import load_config
from millstream.local import open_registry
from millstream.rounds.store import RoundStore
from millstream.watch.processes import is_alive
from registry import ModelRegistry

from .project import Project, create_topic, make_project, make_rows

TOP = """
[page]
port = 0
[[pipelines]]
config = "one/millstream.toml"
[[pipelines]]
config = "two/millstream.toml"
"""


def until(condition: Callable[[], object], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def published(project: Project) -> int:
    """The last round of a project whose version is in the registry; 0 for none."""
    latest = RoundStore(project.state_dir / "rounds").latest()
    return latest.number if latest and latest.is_published else 0


def process_of(project: Project) -> int:
    return json.loads((project.state_dir / "status.json").read_text())["pid"]


def models_on_the_page(state_dir: Path) -> list[str]:
    url = json.loads((state_dir / "page.json").read_text())["url"]
    with urllib.request.urlopen(f"{url}/api/state", timeout=10) as answer:
        return re.findall(r'"model": ?"([^"]*)"', answer.read().decode())


def test_one_dies_and_comes_back_while_the_other_goes_on(kafka, topic: str, tmp_path: Path) -> None:
    projects = []
    for name in ("one", "two"):
        create_topic(kafka.bootstrap_servers, f"{topic}-{name}")
        made = make_project(
            tmp_path / name, kafka.bootstrap_servers, f"{topic}-{name}", epochs=1, name=name
        )
        made.produce(make_rows(500, seed=1))
        projects.append(made)
    one, two = projects
    (tmp_path / "millstream.toml").write_text(TOP)
    service = Project(tmp_path, kafka.bootstrap_servers, topic).start("run", "--all")
    try:
        until(lambda: [published(each) for each in projects] == [1, 1])
        assert models_on_the_page(one.state_dir) == ["one", "two"]
        first, second = process_of(one), process_of(two)
        os.kill(first, signal.SIGKILL)
        for each in projects:
            each.produce(make_rows(500, seed=2))
        until(lambda: [published(each) for each in projects] == [2, 2])
        assert process_of(one) != first
        assert process_of(two) == second
        for each in projects:
            file = each.directory / "millstream.toml"
            file.write_text(file.read_text().replace("seconds = 30", "seconds = 29"))
        service.send_signal(signal.SIGHUP)
        until(lambda: all((each.state_dir / "reloads.jsonl").exists() for each in projects))
    finally:
        service.send_signal(signal.SIGTERM)
        text, _ = service.communicate(120)
    assert service.returncode == 0, text
    assert "one was ended by SIGKILL; it begins again after round" in text
    told = re.findall(r"^(one|two) \| round ([12]): ", text, re.MULTILINE)
    # A kill may come between a publication and the line that tells of it.
    assert {*told, ("one", "1")} == {(name, n) for name in ("one", "two") for n in "12"}
    uris = {open_registry(load_config(each.directory / "millstream.toml")) for each in projects}
    assert uris == {f"sqlite:///{tmp_path}/.millstream/mlflow.db"}
    for name in ("one", "two"):
        assert len(ModelRegistry(name, uris.copy().pop()).versions()) == 2
    assert not any((each.state_dir / "page.json").exists() for each in projects)

    before = [process_of(each) for each in projects]
    service = Project(tmp_path, kafka.bootstrap_servers, topic).start("run", "--all")
    until(lambda: all(process_of(each) not in before for each in projects))
    running = [process_of(each) for each in projects]
    service.kill()
    until(lambda: not any(is_alive(pid) for pid in running))
