"""The page's process beside a command: its port, its end, and what it leaves behind."""

from __future__ import annotations

import json
import os
import signal
import socket
import stat
import time
import urllib.request
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import pytest

from millstream.config.config import Config, load_config
from millstream.errors import StackError
from millstream.page.listening import MOST_TRIES, address_of, listen
from millstream.page.server import find_page, serving_page
from millstream.page.settings_file import write_settings

from ..project import make_project
from . import state

SECRETS = ("hunter2", "s3cret", "t0ken")


def a_config(folder: Path, page: str = "port = 0") -> Config:
    project = make_project(folder, "localhost:1", "clicks")
    file = project.directory / "millstream.toml"
    file.write_text(file.read_text().replace("[page]\nenabled = false", f"[page]\n{page}"))
    return load_config(file)


def fetch(url: str) -> bytes:
    with urllib.request.urlopen(url, timeout=60) as answer:
        return answer.read()


def page_process() -> int:
    """The page's own process, not its keeper."""
    found = {child.pid: child.cmdline() for child in psutil.Process().children(recursive=True)}
    [pid] = [
        pid
        for pid, command in found.items()
        if "millstream.page.serve" in command and not any("keeper.py" in part for part in command)
    ]
    return pid


def test_a_taken_port_leaves_the_next_one() -> None:
    with listen("127.0.0.1", 0) as first:
        port = first.getsockname()[1]
        with listen("127.0.0.1", port) as second:
            assert port < second.getsockname()[1] < port + MOST_TRIES
        assert address_of(first) == f"http://127.0.0.1:{port}"


def test_a_host_of_another_machine_is_refused() -> None:
    with pytest.raises(StackError, match=r"page\.host: 192\.0\.2\.1"):
        listen("192.0.2.1", 0)


def test_all_addresses_are_reached_by_this_machines_own() -> None:
    with listen("0.0.0.0", 0) as listener:
        assert address_of(listener).startswith("http://127.0.0.1:")


def test_the_page_is_there_while_its_command_runs_and_comes_back_when_killed(
    tmp_path: Path,
) -> None:
    config = a_config(tmp_path)
    state.status(config.state_dir, round=3)
    assert find_page(config.state_dir) is None
    with serving_page(config, [tmp_path / "millstream.toml"]) as line:
        url = line.split()[1]
        assert find_page(config.state_dir) == url
        told = json.loads(fetch(f"{url}/api/state"))
        assert told["states"][0]["live"]["round"] == 3
        assert told["can_act"] is True
        assert told["token_file"] == str(config.state_dir / "page.token")
        assert b"millstream" in fetch(url)
        assert b"# TYPE" in fetch(f"{url}/metrics")
        mode = (config.state_dir / "page.token").stat().st_mode
        assert stat.S_IMODE(mode) == 0o600
        with serving_page(config, [tmp_path / "millstream.toml"]) as again:
            assert again == line  # another command joins the page that is there
        killed, port = page_process(), urlsplit(url).port or 0
        os.kill(killed, signal.SIGKILL)
        assert json.loads(fetch(f"{url}/api/state"))["boot"] != told["boot"]
        assert page_process() != killed
    assert find_page(config.state_dir) is None
    assert not (config.state_dir / "page.json").exists()
    deadline = time.monotonic() + 10
    while socket.socket().connect_ex(("127.0.0.1", port)) == 0:
        assert time.monotonic() < deadline
        time.sleep(0.1)


def test_where_no_page_is_wanted_or_can_be_there_is_none(tmp_path: Path) -> None:
    with serving_page(a_config(tmp_path / "a", "enabled = false"), []) as line:
        assert line == ""
    with serving_page(a_config(tmp_path / "b", 'host = "192.0.2.1"'), []) as line:
        assert line.startswith("no page: page.host")


def test_settings_are_left_without_secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    project = make_project(tmp_path, "localhost:1", "clicks")
    file = project.directory / "millstream.toml"
    text = file.read_text().replace('name = "clicks"', 'name = "clicks"\ntracking_uri = "${URI}"')
    text = text.replace('b = "float32"', 'b = "float32"\ntoken_count = { type = "float32" }')
    text += '[kafka.options]\nsasl_plain_username = "ann"\nsasl_plain_password = "${PASSWORD}"\n'
    text += "[format]\nkind = 'avro'\nframing = 'confluent'\n[format.schema_registry]\n"
    text += "url = 'http://registry:8081'\nauth = '${TOKEN}'\n"
    file.write_text(text)
    monkeypatch.setenv("PASSWORD", "hunter2")
    monkeypatch.setenv("TOKEN", "ann:t0ken")
    monkeypatch.setenv("URI", "http://ann:s3cret@mlflow:5000")
    config = load_config(file)
    config.state_dir.mkdir(parents=True)
    left = write_settings(config).read_text()
    for secret in SECRETS:
        assert secret not in left
    told = json.loads(left)
    assert told["settings"]["registry"]["tracking_uri"] == "http://***@mlflow:5000"
    assert told["settings"]["kafka"]["options"]["sasl_plain_password"] == "***"
    assert told["settings"]["schema"]["features"]["token_count"]["type"] == "float32"
    assert "trigger.records" in told["given"]
    assert "trigger.look_s" not in told["given"]
    assert told["metric"] == "auc"
