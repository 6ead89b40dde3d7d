"""The log for machines: one JSON object a line, whatever happens, and no secrets in it."""

from __future__ import annotations

import io
import json
import logging
import subprocess
import sys
import warnings
from pathlib import Path

import pytest

from millstream.cli.terminal import is_told, logging_to_terminal
from millstream.errors import StackError
from millstream.watch.board import STEPS, Board

from .project import make_project

log = logging.getLogger("millstream")


def logged(monkeypatch: pytest.MonkeyPatch, body) -> list[dict]:
    """What a body logs, line by line."""
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    with logging_to_terminal("info", "json", lambda: 7):
        body()
    return [json.loads(line) for line in stream.getvalue().splitlines()]


def test_each_line_is_an_object_with_the_round(monkeypatch: pytest.MonkeyPatch) -> None:
    def body() -> None:
        logging.getLogger("millstream").info('two\nlines of %s, "quoted"', "text")
        logging.getLogger("millstream.ingest").debug("too little")
        logging.getLogger("some.library").warning("theirs")
        warnings.warn("old", stacklevel=1)

    first, library, old = logged(monkeypatch, body)
    assert first["message"] == 'two\nlines of text, "quoted"'
    assert (first["level"], first["logger"], first["round"]) == ("info", "millstream", 7)
    assert first["ts"].endswith("Z")
    assert len(first["ts"]) == len("2026-01-01T00:00:00.000Z")
    assert (library["logger"], library["level"]) == ("some.library", "warning")
    assert old["logger"] == "py.warnings"


def test_a_line_names_the_round_that_it_is_of(monkeypatch: pytest.MonkeyPatch) -> None:
    board = Board(None)
    assert board.round() == 0  # nobody knows yet
    found = []
    for step in STEPS:
        board.update(round=5, step=step)
        found.append(board.round())
    assert found == [6, 6, 6, 5, 5, 5, 5, 5]
    told = logged(monkeypatch, lambda: log.info("of before", extra={"round": 4}))
    assert told[0]["round"] == 4


def test_a_line_is_one_wherever_it_is_written_and_whatever_it_says(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    odd = "\u00e9 \u2028 \x85 \ud800"
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stderr", io.TextIOWrapper(written, "ascii", write_through=True))
    with logging_to_terminal("info", "json", lambda: 7):
        logger = logging.getLogger("millstream")
        # To its handler alone: a report of the tests cannot hold such a text.
        logger.handlers[-1].handle(logger.makeRecord("millstream", 20, "", 0, odd, (), None))
    (line,) = written.getvalue().decode("ascii").splitlines()
    assert json.loads(line)["message"] == odd


def test_whoever_writes_to_standard_error_writes_lines_of_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def body() -> None:
        theirs = logging.getLogger("with.a.handler")  # as MLflow's is
        theirs.propagate = False
        theirs.addHandler(logging.StreamHandler())
        theirs.warning("at http://me:hunter2@host")
        print("one", "line", file=sys.stderr)

    told = [line["message"] for line in logged(monkeypatch, body)]
    assert told[:2] == ["at http://***@host", "one line"]


def test_a_thread_that_fails_is_told_in_lines_of_it() -> None:
    done = subprocess.run([sys.executable, "-c", FAILS], capture_output=True, text=True, check=True)
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert lines[0]["message"] == "Exception in thread counts:"
    assert lines[-1]["message"] == "ZeroDivisionError: division by zero"


FAILS = """
import threading
from millstream.cli.terminal import logging_to_terminal
with logging_to_terminal("info", "json"):
    thread = threading.Thread(target=lambda: 1 / 0, name="counts")
    thread.start()
    thread.join()
"""


def test_a_log_that_cannot_be_written_ends_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    closed = io.StringIO()
    closed.close()
    monkeypatch.setattr(sys, "stderr", closed)
    with logging_to_terminal("info", "json"):
        logging.getLogger("millstream").info("nobody hears it")
        print("nor this", file=sys.stderr)


def test_secrets_in_addresses_are_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    def body() -> None:
        try:
            raise StackError("http://me:hunter2@host/?token=abc")
        except StackError:
            logging.getLogger("millstream").exception("at postgresql://me:hunter2@host/db")

    (line,) = logged(monkeypatch, body)
    assert "hunter2" not in json.dumps(line)
    assert "abc" not in json.dumps(line)
    assert "StackError" in line["exception"]


def test_the_error_that_ends_a_command_is_a_line_and_told_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    stream = io.StringIO()
    monkeypatch.setattr(sys, "stderr", stream)
    error = StackError("no broker")
    with pytest.raises(StackError), logging_to_terminal("info", "json"):
        raise error
    (line,) = map(json.loads, stream.getvalue().splitlines())
    assert (line["level"], line["message"]) == ("error", "no broker")
    assert "exception" not in line
    assert is_told(error)
    assert not is_told(StackError("no broker"))


def test_a_run_that_fails_writes_nothing_but_objects(tmp_path: Path) -> None:
    project = make_project(tmp_path, "127.0.0.1:1", "t")
    path = project.directory / "millstream.toml"
    path.write_text(path.read_text().replace("[service]", '[service]\nlog_format = "json"'))
    (project.directory / "model.py").write_text("def build():\n    return 1\n")
    done = project.command("run")
    assert done.code == 2, done.output
    lines = [json.loads(line) for line in done.output.splitlines()]
    assert lines[-1]["level"] == "error"
    assert "model.py" in lines[-1]["message"]
