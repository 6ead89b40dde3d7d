"""`millstream dead-letters`: listed, counted, and sent back after a fix."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import chdir
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest
import typer
from rich.console import Console
from typer.testing import CliRunner

from ingest.kafka.letter import Letter
from millstream.cli import commands
from millstream.errors import UsageError
from millstream.letter_view import letter_json, letters_table, parse_since, summary_table
from millstream.rounds.store import RoundStore

from .project import Project, create_topic, make_project, make_rows, read_all


def dead_letters(project: Project, *arguments: str) -> str:
    """What the command prints; in this process, as a new one takes seconds to start."""
    app = typer.Typer()
    commands.register(app)
    with chdir(project.directory):
        done = CliRunner().invoke(app, ["dead-letters", *arguments], catch_exceptions=False)
    return done.output


@pytest.mark.slow
def test_from_bad_records_to_a_fix(kafka, topic: str, tmp_path: Path) -> None:
    """Records name their label otherwise, until the schema asks for it by that name."""
    servers = kafka.bootstrap_servers
    create_topic(servers, topic)
    project = make_project(tmp_path / "p", servers, topic)
    renamed = [row.replace(b'"y"', b'"late"') for row in make_rows(40, seed=2)]
    project.produce(make_rows(400, seed=1) + renamed + [b"not json", b"[bold]x[/bold]"])
    ended = project.command("run", "--stop-when-idle", "0.5", timeout=240)
    assert ended.code == 0, ended.output

    listed = dead_letters(project, "--limit", "5")
    assert listed.count("missing_field") + listed.count("not_json") == 5
    rows = [line.split("│") for line in dead_letters(project, "--summary").splitlines()]
    assert [[cell.strip() for cell in row[2:4]] for row in rows if len(row) == 5] == [
        ["missing_field", "40"],
        ["not_json", "2"],
    ]
    lines = dead_letters(project, "--json", "--kind", "not_json").splitlines()
    found = [json.loads(line) for line in lines]
    assert {letter["value"] for letter in found} == {"not json", "[bold]x[/bold]"}
    assert {letter["topic"] for letter in found} == {topic}
    assert (
        len(dead_letters(project, "--json", "--since", "1h", "--topic", topic).splitlines()) == 42
    )
    for option in (("--topic", "other"), ("--since", "2999-01-01"), ("--kind", "none_such")):
        assert dead_letters(project, *option).strip() == "no dead letters"

    back = ("republish", "--kind", "missing_field")
    dry = dead_letters(project, *back, "--dry-run")
    assert dry.strip() == "40 would be republished (40 missing_field)"
    assert "republish 40 letters?" in dead_letters(project, *back)
    assert len(read_all(servers, topic)) == 442
    assert dead_letters(project, *back, "--yes").strip() == "40 republished (40 missing_field)"
    again = dead_letters(project, *back, "--yes").splitlines()
    assert again == ["0 republished", "40 were republished before"]
    records = read_all(servers, topic)
    returned = [r for r in records if "millstream.republished" in dict(r.headers)]
    assert sorted(r.value for r in returned) == sorted(renamed)
    assert len(records) == 482

    config = project.directory / "millstream.toml"
    text = config.read_text().replace("[service]", '[service]\nstate_dir = "new"')
    config.write_text(text.replace('name = "y"', 'name = "late"').replace("min_rows", "# min_rows"))
    # A learner with the new schema reads all: the old records are bad, those that came back good.
    ended = project.command("run", "--stop-when-idle", "0.5", timeout=240)
    assert ended.code == 3, ended.output
    lines = dead_letters(project, "--json", "--limit", "1000", "--kind", "missing_field")
    bad = {(n["partition"], n["offset"]) for n in map(json.loads, lines.splitlines())}
    assert len(bad) > 100
    assert not bad & {(record.partition, record.offset) for record in returned}


@pytest.mark.slow
def test_the_report_says_what_was_not_checked(kafka, topic: str, tmp_path: Path) -> None:
    servers = kafka.bootstrap_servers
    create_topic(servers, topic)
    project = make_project(tmp_path / "p", servers, topic)
    config = project.directory / "millstream.toml"
    text = config.read_text().replace("window = 600", "window = 50")
    text = text.replace("holdout_rows = 300", "holdout_rows = 30")
    config.write_text(
        text.replace(
            "[kafka]", "[kafka]\nbacklog_records = 100\noptions = {max_poll_records = 200}"
        )
    )
    project.produce(make_rows(3_000, seed=1))
    ended = project.command("run", "--stop-when-idle", "0.5")
    assert ended.code == 0, ended.output
    assert "not checked)" in ended.output
    folders = RoundStore(project.state_dir / "rounds").complete()[1:]
    unchecked = [folder.report()["counts"]["unchecked"] for folder in folders]
    assert sum(unchecked) > 500
    replayed = project.command("replay", str(1 + unchecked.index(max(unchecked))))
    assert "bit for bit the same" in replayed.output, replayed.output


def test_a_moment_or_a_time_ago() -> None:
    now = datetime(2025, 3, 1, 12, tzinfo=UTC)
    at = int(now.timestamp() * 1000)
    assert parse_since("2025-03-01T12:00Z", now) == at
    assert parse_since("2025-03-01T13:00+01:00", now) == at
    assert parse_since("2025-03-01", now) == at - 12 * 3_600_000
    assert parse_since("90s", now) == at - 90_000
    assert parse_since("2d", now) == at - 2 * 86_400_000
    for text in ("", "yesterday", "-1h", "1w", "999999999d"):
        with pytest.raises(UsageError, match="--since: expected"):
            parse_since(text, now)


@pytest.mark.parametrize("option", [("--kind", "not_json"), ("--limit", "5"), ("--summary",)])
def test_options_before_republish_are_refused(option: tuple[str, ...]) -> None:
    """`--kind` there would be without effect, and all kinds would go back."""
    app = typer.Typer()
    commands.register(app)
    with pytest.raises(UsageError, match=f"{option[0]} is for the list; options of republish"):
        CliRunner().invoke(
            app, ["dead-letters", *option, "republish", "--yes"], catch_exceptions=False
        )


def test_strange_letters_are_shown_as_they_are() -> None:
    """Anyone may write to the topic, with any headers."""
    place = ("d", 0, 7)
    letter = Letter("[/t]", 0, 5, 1, "[/bold]", "[/r]", None, b"\xff", (), place, 2**62)
    console = Console(width=150, file=StringIO(), record=True)
    console.print(letters_table([letter]))
    console.print(summary_table(Counter([("[/t]", "[/bold]")])))
    shown = console.export_text()
    assert shown.count("[/bold]") == 2
    assert f"{2**62} ms" in shown
    assert json.loads(letter_json(letter))["value"] == "\\xff"
