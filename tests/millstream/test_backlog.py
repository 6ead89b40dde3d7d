"""A backlog becomes rounds of a bounded size, and each replays."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest import Position
from ingest.fair_share import fair_share
from millstream.rounds.store import RoundStore

from .project import create_topic, make_project, make_rows


@pytest.mark.slow
def test_a_backlog_becomes_bounded_rounds_that_replay(kafka, topic: str, tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", kafka.bootstrap_servers, topic, epochs=2)
    path = project.directory / "millstream.toml"
    text = path.read_text().replace("records = 500", "records = 500\nmax_records = 600")
    text = text.replace("window = 600", "window = 100").replace("rows = 300", "rows = 40")
    path.write_text(text.replace("[kafka]", "[kafka]\nbacklog_records = 100"))
    create_topic(kafka.bootstrap_servers, topic)
    assert project.produce(make_rows(2_000, seed=3)) == 2_000
    finished = project.command("run", "--stop-when-idle", "0.5")
    assert finished.code == 0, finished.output

    rounds = RoundStore(project.state_dir / "rounds").complete()[1:]
    counts = [folder.report()["counts"] for folder in rounds]
    assert [count["seen"] for count in counts] == [600, 600, 600, 200], finished.output
    assert sum(count["unchecked"] for count in counts) > 0
    at, end = Position({topic: dict.fromkeys(range(4), 0)}), rounds[-1].plan().end
    for folder in rounds:
        assert folder.plan().start == at
        at = fair_share(at, end, 600)
        assert folder.plan().end == at, finished.output
    replayed = project.command("replay", "2")
    assert replayed.code == 0, replayed.output
    assert "bit for bit the same" in replayed.output
