"""A file of several pipelines: what it may hold, and what two of them must not share."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from millstream.cli import commands
from millstream.cli.app import app
from millstream.config.config import load_config
from millstream.errors import ConfigError, RoundStoreError
from millstream.local import Addresses, announced, open_broker, open_registry
from millstream.pipelines.lines import Label
from millstream.pipelines.pipelines import load_pipelines, page_of
from millstream.pipelines.stack import share_stack, stack_folder
from millstream.stack.kafka import EmbeddedKafka

from .page.state import status as write_status

if not app.registered_commands:
    commands.register(app)

CONFIG = """
[kafka]
topics = ["{topic}"]
{kafka}
[schema]
label = {{ name = "y", type = "bool" }}
features = {{ a = "float32" }}
[train]
task = "binary"
[trigger]
records = 100
[registry]
name = "{name}"
{registry}
[service]
{service}
"""
BOTH = '[[pipelines]]\nconfig = "a/m.toml"\n[[pipelines]]\nconfig = "b/m.toml"\n'


def write(folder: Path, name: str, kafka: str = "", registry: str = "", service: str = "") -> Path:
    """A configuration, of which nothing runs."""
    folder.mkdir(parents=True, exist_ok=True)
    text = CONFIG.format(topic=name, name=name, kafka=kafka, registry=registry, service=service)
    (folder / "m.toml").write_text(text)
    return folder / "m.toml"


def top_of(folder: Path, text: str = BOTH) -> Path:
    (folder / "all.toml").write_text(text)
    return folder / "all.toml"


def refusal(top: Path) -> list[str]:
    with pytest.raises(ConfigError) as refused:
        load_pipelines(top)
    return str(refused.value).splitlines()


def test_each_is_a_whole_configuration_and_the_page_is_that_of_all(tmp_path: Path) -> None:
    files = [write(tmp_path / "a", "fraud"), write(tmp_path / "b", "churn")]
    top = top_of(tmp_path, BOTH + '[page]\nport = 9000\nallowed_hosts = ["x.example"]\n')
    told = load_pipelines(top)
    assert [member.name for member in told.members] == ["fraud", "churn"]
    assert [member.file for member in told.members] == files
    assert [member.config for member in told.members] == [load_config(file) for file in files]
    assert (told.page.port, told.page.allowed_hosts) == (9000, ("x.example",))
    assert told.state_dir == tmp_path / ".millstream"
    owner, shown = page_of([top])
    assert (owner, [file for file, _ in shown]) == (told, files)
    owner, shown = page_of(files)
    assert (owner, [file for file, _ in shown]) == (load_config(files[0]), files)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[page]\nport = 1\n", "all.toml: pipelines: expected [[pipelines]]"),
        ("pipelines = []\n", "all.toml: pipelines: "),
        ("[[pipelines]]\n", "all.toml: pipelines.0.config: missing"),
        (BOTH + 'state_dir = "x"\n', "all.toml: state_dir: expected it above the first [[pip"),
        (BOTH + 'confg = "a"\n', 'pipelines.1.confg: unknown key; did you mean "config"?'),
        ('[kafka]\ntopics = ["t"]\n' + BOTH, "all.toml: kafka: unknown key; known: "),
        (BOTH + "[page]\nprot = 1\n", 'page.prot: unknown key; did you mean "port"?'),
        (BOTH + '[[pipelines]]\nconfig = "a/m.toml"\n', "pipelines.2.config: expected another"),
        (BOTH + '[[pipelines]]\nconfig = "c/m.toml"\n', 'got "c/m.toml", and there is no'),
        ("[[pipelines\n", "not valid TOML"),
    ],
)
def test_what_the_file_must_not_be(tmp_path: Path, text: str, said: str) -> None:
    write(tmp_path / "a", "fraud")
    write(tmp_path / "b", "churn")
    lines = refusal(top_of(tmp_path, text))
    assert len(lines) == 1
    assert said in lines[0]


def test_the_two_kinds_of_files_are_told_apart(tmp_path: Path) -> None:
    file = write(tmp_path / "a", "fraud")
    write(tmp_path / "b", "churn")
    for arguments in (["--all", "-c", str(file)], ["-c", str(top_of(tmp_path))]):
        ended = CliRunner().invoke(app, ["run", *arguments])
        assert "--all" in str(ended.exception)


def test_all_faults_of_all_files_are_told_at_once(tmp_path: Path) -> None:
    write(tmp_path / "a", "fraud", service="keep_round = 3")
    write(tmp_path / "b", "churn", kafka='bootstrap_servers = "nowhere"')
    lines = refusal(top_of(tmp_path))
    assert "all.toml: pipelines.0.config: a/m.toml: m.toml: service.keep_round: unknown" in lines[0]
    assert "all.toml: pipelines.1.config: b/m.toml: m.toml: kafka.bootstrap_servers" in lines[1]
    with pytest.raises(ConfigError, match="no such file"):
        load_pipelines(tmp_path / "none.toml")


SAME_STATE = 'state_dir = "../state"'
ONE, TWO = (f'bootstrap_servers = "{s}"\ngroup_id = "g"' for s in ("k1:9,k2:9", "k2:9"))


@pytest.mark.parametrize(
    ("first", "second", "said"),
    [
        ({"service": SAME_STATE}, {"service": SAME_STATE}, "another service.state_dir"),
        ({"service": 'state_dir = "../.millstream"'}, {}, "the service's own state_dir has"),
        ({"kafka": ONE}, {"kafka": TWO}, 'expected a consumer group of its own, got "g"'),
        ({"kafka": 'group_id = "g"'}, {"kafka": 'group_id = "g"'}, "another kafka.group_id"),
    ],
)
def test_two_are_kept_apart(tmp_path: Path, first: dict, second: dict, said: str) -> None:
    write(tmp_path / "a", "fraud", **first)
    write(tmp_path / "b", "churn", **second)
    lines = refusal(top_of(tmp_path))
    assert len(lines) == 1
    assert lines[0].startswith("all.toml: pipelines.")
    assert said in lines[0]


def test_a_name_is_taken_once_in_a_registry(tmp_path: Path) -> None:
    group = 'group_id = "other"'
    write(tmp_path / "a", "fraud")
    write(tmp_path / "b", "fraud", kafka=group)
    [line] = refusal(top_of(tmp_path))
    assert 'expected a name of its own in the registry, got "fraud" in the local registry' in line
    assert "pipelines.0 (a/m.toml) has; give one of them another registry.name" in line
    uri = 'tracking_uri = "http://u:{}@{}:5000/"'
    write(tmp_path / "a", "fraud", registry=uri.format("p", "one"))
    write(tmp_path / "b", "fraud", kafka=group, registry=uri.format("p", "one"))
    [line] = refusal(top_of(tmp_path))
    assert "u:p" not in line
    write(tmp_path / "b", "fraud", kafka=group, registry=uri.format("p", "two"))
    named = [member.name for member in load_pipelines(top_of(tmp_path)).members]
    assert named == ["a/m.toml", "b/m.toml"]


def test_a_state_in_an_object_store_is_of_one(tmp_path: Path) -> None:
    there = 'state_dir = "s3://bucket/x"'
    reached = {"kafka": 'bootstrap_servers = "k:9"', "registry": 'tracking_uri = "http://m:1"'}
    write(tmp_path / "a", "fraud", service=there, **reached)
    write(tmp_path / "b", "churn", service=there, **reached)
    [line] = refusal(top_of(tmp_path))
    assert 'expected a state of its own in the object store, got "s3://bucket/x"' in line


def test_a_shared_stack_is_stayed_with(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    config, shared = load_config(write(tmp_path / "a", "fraud")), tmp_path / ".millstream"
    assert stack_folder(config.state_dir) == config.state_dir
    assert share_stack(config.state_dir, shared)
    assert share_stack(config.state_dir, shared)
    assert not share_stack(config.state_dir, tmp_path / "another")
    assert stack_folder(config.state_dir) == shared
    assert open_registry(config) == f"sqlite:///{shared}/mlflow.db"
    servers = kafka.bootstrap_servers
    with announced(shared, Addresses(os.getpid(), servers, "")), open_broker(config) as found:
        assert found == servers
    moved = tmp_path.rename(tmp_path.with_name(f"{tmp_path.name}-moved"))
    assert stack_folder(moved / "a" / ".millstream") == moved / ".millstream"
    moved.rename(tmp_path)
    (config.state_dir / "stack.json").write_text('{"format": 2, "folder": "x"}')
    with pytest.raises(RoundStoreError, match="in format 1, got format 2"):
        open_registry(config)


def test_a_stack_of_its_own_is_kept(tmp_path: Path) -> None:
    config = load_config(write(tmp_path / "a", "fraud"))
    before = open_registry(config)
    assert not share_stack(config.state_dir, tmp_path / ".millstream")
    assert open_registry(config) == before


def test_lines_tell_whose_they_are() -> None:
    label = Label("fraud", 7, is_json=False)
    assert label.marked("round 3: {x}") == "fraud   | round 3: {x}"
    assert label.marked('{"a": 1}') == 'fraud   | {"a": 1}'
    label = replace(label, name='a"b', is_json=True)
    assert json.loads(label.marked('{"ts": 1}')) == {"pipeline": 'a"b', "ts": 1}
    assert label.marked("page") == 'a"b     | page'


def test_a_line_of_status_for_each(tmp_path: Path) -> None:
    write(tmp_path / "a", "fraud")
    write(tmp_path / "b", "churn")
    write_status(tmp_path / "a" / ".millstream", round=6, step=4, pending=1_234, lag=17)
    top = str(top_of(tmp_path))
    said = CliRunner().invoke(app, ["status", "--all", "-c", top])
    assert said.exit_code == 0, said.exception
    lines = {line.split()[0]: line for line in said.output.splitlines() if line}
    assert all(word in lines["fraud"] for word in ("6", "17", "1,234", "test, then train"))
    assert "never run" in lines["churn"]
    said = CliRunner().invoke(app, ["status", "--all", "--json", "-c", top])
    assert json.loads(said.output)["churn"]["phase"] == "never run"
