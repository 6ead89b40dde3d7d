"""What a person reads when something is wrong: one line, an exit code, no traceback.

A fault of each kind is met by a command that starts from nothing, the others by forked ones.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

import trainer
from millstream.checkup import Finding, UnwellError, check_holdout, describe
from millstream.cli.app import exit_code
from millstream.cli.doctor import findings_table
from millstream.cli.terminal import console
from millstream.config.config import load_config
from millstream.errors import UsageError
from millstream.publish_file import check_takes_json
from millstream.watch.board import Board

from .project import Project, make_project


def from_nothing(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The command as a person starts it."""
    return subprocess.run(
        [sys.executable, "-m", "millstream", *arguments],
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )


def millstream(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    """The same, with the large libraries there already; its errors are part of its output."""
    done = Project(cwd, "", "").command(*arguments)
    return subprocess.CompletedProcess(arguments, done.code, done.output, done.output)


def check_error(done: subprocess.CompletedProcess[str], code: int, *expected: str) -> None:
    assert done.returncode == code, done.stderr
    assert "Traceback" not in done.stderr
    lines = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, done.stderr
    for part in expected:
        assert part in lines[0]


CONFIG_FAULTS = {
    "unknown key": ("batch_size", "batchsize", 'did you mean "batch_size"?'),
    "wrong type": ("batch_size = 64", 'batch_size = "big"', "train.batch_size: input should be"),
    "label missing": ('label = { name = "y", type = "bool" }', "", "schema.label: missing"),
    "label among the features": ('name = "y"', 'name = "a"', '"a"'),
    "category without values": ('vocabulary = ["p", "q", "r"]', "buckets = 0", "features.kind: a"),
}


@pytest.mark.parametrize("fault", CONFIG_FAULTS)
def test_a_configuration_fault(fault: str, tmp_path: Path) -> None:
    before, after, expected = CONFIG_FAULTS[fault]
    project = make_project(tmp_path, "127.0.0.1:1", "t")
    path = project.directory / "millstream.toml"
    assert before in path.read_text()
    path.write_text(path.read_text().replace(before, after))
    start = from_nothing if fault == "unknown key" else millstream
    check_error(start("run", cwd=tmp_path), 2, expected)


MODEL_FAULTS = {
    "does not compile": ('loss="binary_crossentropy")', 'loss="no_such_loss")', "no_such_loss"),
    "not compiled": ("model.compile(", "(lambda **k: None)(", "compile"),
    "raises": ("def build():", "def build():\n    1 / 0", "ZeroDivisionError"),
    "input is no feature": ('"kind": kind}', '"kinds": kind}', "kind"),
    "no such function": ("def build():", "def make():", "build"),
    "not Python": ("def build():", "def build(:", "SyntaxError"),
}


@pytest.mark.parametrize("fault", MODEL_FAULTS)
def test_a_model_fault(fault: str, tmp_path: Path) -> None:
    before, after, expected = MODEL_FAULTS[fault]
    project = make_project(tmp_path, "127.0.0.1:1", "t")
    path = project.directory / "model.py"
    text = path.read_text()
    assert before in text
    if fault == "input is no feature":
        text = text.replace('name="kind"', 'name="kinds"')
    path.write_text(text.replace(before, after))
    start = from_nothing if fault == "does not compile" else millstream
    check_error(start("run", cwd=tmp_path), 2, expected)


def test_a_missing_file(tmp_path: Path) -> None:
    check_error(from_nothing("run", cwd=tmp_path), 2, "millstream.toml: no such file")


def test_a_missing_model_file(tmp_path: Path) -> None:
    make_project(tmp_path, "127.0.0.1:1", "t")
    (tmp_path / "model.py").unlink()
    check_error(millstream("run", cwd=tmp_path), 2, "model.py")


def test_no_broker(tmp_path: Path) -> None:
    make_project(tmp_path, "127.0.0.1:1", "t")
    check_error(millstream("run", cwd=tmp_path), 4, "127.0.0.1:1")


def test_an_unknown_command_is_usage(tmp_path: Path) -> None:
    done = from_nothing("traim", cwd=tmp_path)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr


def test_init_refuses_a_folder_with_files(tmp_path: Path) -> None:
    (tmp_path / "keep.txt").write_text("mine")
    check_error(from_nothing("init", ".", cwd=tmp_path), 2, "expected a new or empty folder")
    assert [p.name for p in tmp_path.iterdir()] == ["keep.txt"]


def test_help_is_quick_to_load_and_names_all_commands(tmp_path: Path) -> None:
    code = (
        "import sys; sys.argv = ['millstream', '--help']\n"
        "from millstream.cli import main\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "print([m for m in ('tensorflow', 'keras', 'mlflow', 'numba') if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=tmp_path
    )
    commands = [
        "init",
        "up",
        "publish",
        "run",
        "status",
        "page",
        "pause",
        "resume",
        "versions",
        "pull",
        "rollback",
        "journal",
        "prune",
        "replay",
        "dead-letters",
        "preview",
        "doctor",
        "demo",
    ]
    assert all(command in done.stdout for command in commands)
    assert done.stdout.splitlines()[-1] == "[]"


def test_publish_notices_a_missing_file_first(tmp_path: Path) -> None:
    arguments = ("publish", "gone.csv", "--topic", "t", "--bootstrap-servers", "127.0.0.1:1")
    check_error(millstream(*arguments, cwd=tmp_path), 2, "gone.csv: no such file")


def test_pull_takes_a_models_address(tmp_path: Path) -> None:
    arguments = ("pull", "models:/fraud@champion", "--out", "o", "--tracking-uri")
    store = f"sqlite:///{tmp_path}/mlflow.db"
    check_error(millstream(*arguments, store, cwd=tmp_path), 4, "fraud")


def test_a_state_folder_that_is_a_file(tmp_path: Path) -> None:
    make_project(tmp_path, "127.0.0.1:1", "t")
    (tmp_path / ".millstream").write_text("mine")
    check_error(millstream("run", cwd=tmp_path), 2, "service.state_dir")


def test_a_damaged_status_is_none(tmp_path: Path) -> None:
    make_project(tmp_path, "127.0.0.1:1", "t")
    (tmp_path / ".millstream").mkdir()
    (tmp_path / ".millstream" / "status.json").write_text('{"phase": "run')
    done = from_nothing("status", cwd=tmp_path)
    assert (done.returncode, done.stderr) == (0, "")
    assert "never run" in done.stdout


def test_a_run_that_failed_says_why_afterwards(tmp_path: Path) -> None:
    make_project(tmp_path, "127.0.0.1:1", "t")
    board = Board(tmp_path / ".millstream" / "status.json")
    (tmp_path / ".millstream").mkdir()
    board.update(phase="failed:", note="no broker", pid=2**22 + 1)  # above Linux's largest
    board.save()
    assert "failed: no broker" in millstream("status", cwd=tmp_path).stdout


@pytest.mark.parametrize("section", ['kind = "example"', 'framing = "confluent"'])
def test_publish_sends_json_only_where_it_is_read(tmp_path: Path, section: str) -> None:
    project = make_project(tmp_path, "127.0.0.1:1", "t")
    path = project.directory / "millstream.toml"
    path.write_text(f"{path.read_text()}\n[format]\n{section}\n")
    config = load_config(path)
    with pytest.raises(UsageError, match=r'topic "t": publish sends plain JSON.*\[format\]'):
        check_takes_json(config, "t")
    check_takes_json(config, "another")


def test_an_idle_time_below_zero_is_usage(tmp_path: Path) -> None:
    assert millstream("run", "--stop-when-idle", "-1", cwd=tmp_path).returncode == 2


def test_a_checkpoint_that_does_not_fit_has_its_exit_code() -> None:
    error = trainer.CheckpointError("weights", expected="a", got="b", mend="c")
    assert exit_code(error) == 6


def test_doctor_says_what_to_change_when_nothing_can_be_promoted(tmp_path: Path) -> None:
    project = make_project(tmp_path, "127.0.0.1:1", "t", records=100)
    config = load_config(project.directory / "millstream.toml")
    with pytest.raises(UnwellError, match="nothing will ever be promoted") as caught:
        check_holdout(config)
    assert caught.value.mend.startswith("raise trigger.records to 134 ")


def test_doctor_names_sections_in_their_brackets() -> None:
    with console.capture() as shown:
        console.print(findings_table([Finding("format", "[x] is wrong", "correct [format]")]))
    assert "[x] is wrong" in shown.get()
    assert "change: correct [format]" in shown.get()


def test_doctor_survives_an_error_without_text() -> None:
    assert describe(RuntimeError()) == "RuntimeError"
    assert describe(RuntimeError("one\ntwo")) == "one"
