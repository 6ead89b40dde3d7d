"""`millstream up`: what several pipelines share, and what is said of a file of several."""

from __future__ import annotations

import json
import signal
import time
import urllib.request
from pathlib import Path

import pytest
from kafka.admin import KafkaAdminClient
from typer.testing import CliRunner

from millstream.cli import commands
from millstream.cli.app import app
from millstream.cli.shared import SharedStack, share
from millstream.config.config import load_config
from millstream.errors import ConfigError
from millstream.local import find_addresses, open_registry, require_broker
from millstream.page.server import find_page
from millstream.pipelines.pipelines import load_pipelines

from .project import Project
from .test_pipelines import BOTH, top_of, write

if not app.registered_commands:
    commands.register(app)

ELSEWHERE = 'bootstrap_servers = "k:9"'


def test_only_what_is_used_in_common_is_kept(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(tmp_path / "a", "fraud")
    write(tmp_path / "b", "churn", kafka=ELSEWHERE)
    own = load_config(write(tmp_path / "c", "loans"))
    open_registry(own)  # it has begun with a stack of its own
    top = load_pipelines(top_of(tmp_path, BOTH + '[[pipelines]]\nconfig = "c/m.toml"\n'))
    assert share(top) == SharedStack(top.state_dir, ("fraud",), has_mlflow=True)
    told = capsys.readouterr().out.replace("\n", " ")
    assert told.startswith("loans keeps its own stack in")
    assert "fraud" not in told


def test_where_all_is_configured_nothing_is_kept(tmp_path: Path) -> None:
    for folder, name in (("a", "fraud"), ("b", "churn")):
        write(tmp_path / folder, name, ELSEWHERE, 'tracking_uri = "http://m:1"')
    top = load_pipelines(top_of(tmp_path))
    assert share(top) == SharedStack(top.state_dir, (), has_mlflow=False)


def test_a_file_of_several_says_what_takes_it(tmp_path: Path) -> None:
    file = write(tmp_path / "a", "fraud")
    write(tmp_path / "b", "churn")
    for command in (["up"], ["versions"], ["status"], ["doctor"]):
        ended = CliRunner().invoke(app, [*command, "-c", str(top_of(tmp_path))])
        assert isinstance(ended.exception, ConfigError)
        [line] = str(ended.exception).splitlines()
        assert line.startswith("all.toml: expected the configuration of one pipeline")
        assert "--all" in line
    ended = CliRunner().invoke(app, ["up", "--all", "-c", str(file)])
    assert "m.toml: pipelines: expected [[pipelines]]" in str(ended.exception)


@pytest.mark.parametrize("kafka", [ELSEWHERE, pytest.param("", marks=pytest.mark.long)])
def test_one_page_and_one_kafka_are_kept_for_all(tmp_path: Path, kafka: str) -> None:
    store = f'tracking_uri = "sqlite:///{tmp_path}/mlflow.db"'
    configs = [
        load_config(write(tmp_path / folder, name, kafka, store))
        for folder, name in (("a", "fraud"), ("b", "churn"))
    ]
    folder, places = tmp_path / ".millstream", [config.state_dir for config in configs]
    top = top_of(tmp_path, BOTH + "[page]\nport = 0\n")
    kept = Project(tmp_path, "", "").start("up", "--all", "-c", str(top))
    try:
        deadline = time.monotonic() + 120
        while not all((place / "page.json").exists() for place in places):
            assert kept.poll() is None
            assert time.monotonic() < deadline
            time.sleep(0.05)
        url = find_page(folder)
        assert [find_page(place) for place in places] == [url, url]
        with urllib.request.urlopen(f"{url}/api/state", timeout=30) as answer:
            states = json.load(answer)["states"]
        assert [Path(state["folder"]) for state in states] == places
        servers = ["k:9"] if kafka else topics_are_there(folder)
        assert {require_broker(config) for config in configs} == set(servers)
    finally:
        kept.send_signal(signal.SIGTERM)
        told, _ = kept.communicate(60)
    assert kept.returncode == 0, told
    assert f"page    {url}\nCtrl-C ends them.\n" in told
    assert ("Kafka " in told) == (not kafka)
    assert not any((place / "page.json").exists() for place in [folder, *places])


def topics_are_there(folder: Path) -> list[str]:
    """The broker of a shared stack, which has the topics of all."""
    found = find_addresses(folder)
    assert found is not None
    admin = KafkaAdminClient(bootstrap_servers=found.bootstrap_servers)
    try:
        assert {"fraud", "churn"} <= set(admin.list_topics())
    finally:
        admin.close()
    return [found.bootstrap_servers]
