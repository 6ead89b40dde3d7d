"""What reloads and what needs a restart: all settings, and what several workers make of files."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from millstream.cli import commands
from millstream.cli.app import app
from millstream.config.config import Config, load_config
from millstream.errors import ConfigError, NotRunningError
from millstream.page.settings_file import settings_of
from millstream.recipe import make_recipe
from millstream.reload.journal import FILE, last_reload, note_reload
from millstream.reload.reload import SAFE, Reload, compare, read_again, recipe_with
from millstream.reload.reloading import agree_on_reload
from millstream.request import RELOAD, Requests
from millstream.watch.board import Board
from millstream.workers.signals import Signals, agree_on_signals
from trainer import Waiting, run_workers

from .project import Project, make_project

ROOT = Path(__file__).parents[2]
NOW = Signals(Waiting(500, 9.0), True, 500, 0, 0, 0, stop=False, paused=False, now=1.0)
OTHER = object()

if not app.registered_commands:
    commands.register(app)


def settings() -> list[tuple[str, str]]:
    """Every setting there is, by the field of its section and its key."""
    sections = {name: f.annotation for name, f in Config.model_fields.items()}
    del sections["directory"]
    return [(name, key) for name, model in sections.items() for key in model.model_fields]


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return make_project(tmp_path, "localhost:1", "reload")


def edit(project: Project, *changes: tuple[str, str]) -> None:
    path = project.directory / "millstream.toml"
    text = path.read_text()
    for before, after in changes:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    path.write_text(text)


def load(project: Project) -> Config:
    return load_config(project.directory / "millstream.toml")


@pytest.mark.parametrize(("section", "key"), settings())
def test_every_setting_reloads_or_says_that_it_needs_a_restart(
    project: Project, section: str, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = load(project)
    changed = getattr(config, section).model_copy(update={key: OTHER})
    found = config.model_copy(update={section: changed})
    # Whether a value fits is not the matter here, so nothing is put together of this one.
    monkeypatch.setattr("millstream.reload.reload.merged", lambda before, _: before)
    reload = compare(config, found)
    name = f"{'schema' if section == 'schema_' else section}.{key}"
    if key in SAFE.get(section, ()):
        assert (set(reload.applied), reload.held) == ({name}, ())
        assert reload.applied[name][1] is OTHER
    else:
        assert (reload.applied, reload.held) == ({}, (name,))
        assert reload.tell() == [f"{name}: needs a restart, stays as it was"]


def test_what_is_safe_is_a_setting() -> None:
    every = settings()
    assert all((section, key) in every for section in SAFE for key in SAFE[section])


def test_the_docs_mark_exactly_what_reloads() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    parts = re.split(r"^## \[?([\w ]+)\]?$", text, flags=re.MULTILINE)
    marked = {}
    for name, part in zip(parts[1::2], parts[2::2], strict=True):
        rows = re.findall(r"^\| `([\w.<>]+)` \|.*?( ↻)? \|$", part, re.MULTILINE)
        keys = {key.split(".")[0] for key, mark in rows if mark}
        assert not keys & {key.split(".")[0] for key, mark in rows if not mark}, name
        if keys:
            marked[name] = frozenset(keys)
    assert marked == SAFE


def test_safe_changes_are_taken_and_the_others_of_the_file_are_not(project: Project) -> None:
    config = load(project)
    edit(
        project,
        ("records = 500", "records = 300\nmax_records = 900"),
        ("keep_rounds = 20", 'keep_rounds = 7\nlog_level = "debug"'),
        ("min_rows = 20", "min_rows = 30\nkeep_versions = 5\nmax_waiting = 9"),
        ("batch_size = 64", "batch_size = 32"),
        ("margin = 1.0", "margin = 0.5"),
    )
    reload, found = read_again(config)
    assert reload.applied == {
        "trigger.records": (500, 300),
        "trigger.max_records": (None, 900),
        "service.keep_rounds": (20, 7),
        "service.log_level": ("info", "debug"),
        "registry.min_rows": (20, 30),
        "registry.keep_versions": (None, 5),
        "registry.max_waiting": (100, 9),
    }
    assert reload.held == ("train.batch_size", "gate.margin")
    now = reload.config
    assert (now.train, now.gate, now.kafka) == (config.train, config.gate, config.kafka)
    assert (now.trigger, now.service, now.registry) == (
        found.trigger,
        found.service,
        found.registry,
    )
    assert (now.file, now.state_dir) == (config.file, config.state_dir)
    assert compare(now, found).held == reload.held
    assert compare(now, found).applied == {}
    # As they would be shown after a restart with the file, but for what is held.
    shown, wanted = settings_of(now), settings_of(found)
    assert {name for name in shown if shown[name] != wanted[name]} == {"train", "gate"}


def test_a_default_that_is_given_counts_where_that_decides(project: Project) -> None:
    config = load(project)
    edit(project, ("min_rows = 20", "min_rows = 20\nmin_gain = 0.0"), ("margin = 1.0\n", ""))
    reload, _ = read_again(config)
    assert reload.held == ("gate.margin", "registry.min_gain")
    assert reload.config.compare == config.compare == "non_inferior"


@pytest.mark.parametrize(
    ("before", "after", "why"),
    [
        ("records = 500", "records = 0", "trigger.records"),
        ("records = 500", "record = 500", 'did you mean "records"'),
        ("records = 500", "records = ", "not valid TOML"),
        ("batch_size = 64", "batch_size = -1", "train.batch_size"),
        ('name = "y"', 'name = "${NOT_THERE_AT_ALL}"', "NOT_THERE_AT_ALL is not set"),
    ],
)
def test_a_file_that_does_not_load_changes_nothing(
    project: Project, before: str, after: str, why: str
) -> None:
    config = load(project)
    edit(project, (before, after), ("keep_rounds = 20", "keep_rounds = 7"))
    with pytest.raises(ConfigError, match=re.escape(why)):
        read_again(config)


def test_what_reloads_must_fit_what_does_not(project: Project) -> None:
    config = load(project)
    edit(
        project,
        ("seconds = 30", "seconds = 30\ndrift = true"),
        ("[compress]", '[drift]\ndetector = "adwin"\n[compress]'),
    )
    assert load(project).trigger.drift
    with pytest.raises(ConfigError, match="that need a restart"):
        read_again(config)


def test_a_recipe_of_before_gets_the_ratios_and_nothing_else(project: Project) -> None:
    edit(project, ("[train]", "[history]\nrows = 100\nratio = 0.5\n[train]"))
    config = load(project)
    edit(project, ("ratio = 0.5", "ratio = 0.25\nmost_ratio = 2.0"))
    reload, found = read_again(config)
    assert set(reload.applied) == {"history.ratio", "history.most_ratio"}
    before = make_recipe(config, "model")
    assert recipe_with(before, found.history) == make_recipe(found, "model") != before
    back = recipe_with(make_recipe(found, "model"), config.history)
    assert back == before
    none = {"train": {}}
    assert recipe_with(none, found.history) == none


def test_workers_take_over_the_same_or_nothing(tmp_path: Path) -> None:
    def outcome(*files: str) -> list[Reload]:
        projects = [
            make_project(tmp_path / str(rank), f"kafka{rank}:1", "reload") for rank in (0, 1)
        ]
        configs = [load(project) for project in projects]
        for project, records in zip(projects, files, strict=True):
            edit(project, ("records = 500", records))
        return run_workers(2, lambda workers: agree_on_reload(configs[workers.rank], workers))

    both = outcome("records = 300", "records = 300")  # their addresses differ, as they may
    assert [each.config.trigger.records for each in both] == [300, 300]
    assert [each.refused for each in both] == ["", ""]
    for files, why in [
        (("records = 300", "records = 301"), "worker 1 reads other settings"),
        (("records = 300", "records = -1"), "worker 1: millstream.toml: trigger.records"),
        (("records = ", "records = 300"), "worker 0: "),
    ]:
        each = outcome(*files)
        assert each[0].refused == each[1].refused
        assert why in each[0].refused
        assert [one.config.trigger.records for one in each] == [500, 500]
        assert [dict(one.applied) for one in each] == [{}, {}]


def test_the_first_worker_tells_all_when_to_read() -> None:
    def work(workers):
        own = replace(NOW, reload=workers.rank == 0)
        other = replace(NOW, reload=workers.rank == 1)
        return agree_on_signals(own, workers).reload, agree_on_signals(other, workers).reload

    assert run_workers(3, work) == [(True, False)] * 3


def test_the_journal_tells_of_the_last_one(project: Project) -> None:
    folder = project.directory
    assert last_reload(folder) is None
    config = load(project)
    note_reload(folder, Reload(config, {"trigger.records": (1, 2)}, ("train.task",)))
    told = last_reload(folder)
    assert told is not None
    assert (told.applied, told.held) == ({"trigger.records": (1, 2)}, ("train.task",))
    note_reload(folder, Reload(config, {}, refused="x" * 200_000))
    note_reload(folder, Reload(config, {}, refused="no such file"))
    told = last_reload(folder)
    assert told is not None
    assert told.refused == "no such file"
    assert len((folder / FILE).read_text().splitlines()) == 3
    for foreign in ("half a li", '{"at_ms": "now"}', "[]", ""):
        (folder / FILE).write_text(foreign)
        assert last_reload(folder) is None


def test_the_command_asks_a_service_that_runs(project: Project) -> None:
    asked = ["reload", "-c", str(project.directory / "millstream.toml")]
    ended = CliRunner().invoke(app, asked)
    assert isinstance(ended.exception, NotRunningError)
    project.state_dir.mkdir()
    board = Board(project.state_dir / "status.json")
    board.update(phase="running")
    board.save()
    assert CliRunner().invoke(app, asked).exit_code == 0
    assert Requests(project.state_dir, RELOAD).is_open()
    assert not Requests(project.state_dir).is_open()
