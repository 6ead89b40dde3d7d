"""Workers that are killed at a step of the round: all begin again, and nothing is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from millstream.rounds.store import RoundStore

from .project import create_topic, make_project
from .test_kill import check_one_version_a_round, check_ranges_tile, mixed_rows

# Each fires once: a worker while the chief trains with it, then the chief while it writes.
FAULTS = ("4.epoch:2@1", "5.segments@0")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_workers_begin_again_together(kafka, topic: str, tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", kafka.bootstrap_servers, topic)
    path = project.directory / "millstream.toml"
    text = path.read_text().replace("[trigger]", 'determinism = "bitwise"\n[trigger]')
    path.write_text(f"{text}\n[history]\nrows = 400\nholdout_rows = 100\n")
    create_topic(kafka.bootstrap_servers, topic)
    once = tmp_path / "fired"
    once.mkdir()
    sent = project.produce(mixed_rows(seed=0)) + project.produce(mixed_rows(seed=1))
    done = project.command(
        *("run", "--workers", "2", "--stop-when-idle", "0.5"),
        timeout=500,
        MILLSTREAM_FAULT=",".join(FAULTS),
        MILLSTREAM_FAULT_ONCE=str(once),
    )
    assert done.code == 0, done.output
    assert len(list(once.iterdir())) == len(FAULTS), done.output
    assert done.output.count("was ended by SIGKILL") == len(FAULTS), done.output
    store = RoundStore(project.state_dir / "rounds")
    numbers = check_ranges_tile(store, topic, sent)
    check_one_version_a_round(project, store, numbers)
    assert {store.folder(number).plan().workers for number in numbers} == {2}
    replayed = project.command("replay", str(numbers[-1]))
    assert "bit for bit the same" in replayed.output, replayed.output
