"""A running service that reads its settings again: sizes of rounds, a ratio, a broken file."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

from millstream.recipe import differences
from millstream.reload.journal import FILE
from millstream.request import RELOAD, Requests
from millstream.rounds.store import RoundStore
from millstream.stack.kafka import EmbeddedKafka

from .project import create_topic, make_project, make_rows

DEADLINE_S = 120.0


def until(holds, what: str) -> None:
    """Wait for what must come; the deadline only ends a test that has failed."""
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, f"{what} never came"
        time.sleep(0.02)


def test_a_service_changes_between_rounds(kafka: EmbeddedKafka, tmp_path: Path) -> None:
    create_topic(kafka.bootstrap_servers, "reloads")
    project = make_project(tmp_path, kafka.bootstrap_servers, "reloads", epochs=1)
    file, state_dir = project.directory / "millstream.toml", project.state_dir
    store = RoundStore(state_dir / "rounds")
    first = file.read_text().replace("[train]", "[history]\nrows = 400\nratio = 0.5\n[train]")
    file.write_text(first)
    service = project.start("run")

    def train(rows: int, number: int) -> int:
        """Send so many rows, and wait for that round to be published; its number."""
        project.produce(make_rows(rows, number))
        folder = store.folder(number)
        until(lambda: folder.done and folder.is_published, f"round {number}")
        assert folder.report()["counts"]["seen"] == rows
        return number

    def journal() -> list[dict]:
        path = state_dir / FILE
        return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []

    def reload(text: str, number: int) -> dict:
        """Ask for a reload of that file; what came of it."""
        file.write_text(text)
        service.send_signal(signal.SIGHUP)
        until(lambda: len(journal()) == number, f"reload {number}")
        until(lambda: not Requests(state_dir, RELOAD).is_open(), "the answer")
        return journal()[-1]

    def live() -> dict:
        return json.loads((state_dir / "status.json").read_text())

    try:
        train(500, 1)
        # A smaller size.
        second = first.replace("records = 500", "records = 300")
        told = reload(second, 1)
        assert told["applied"] == {"trigger.records": [500, 300]}
        assert (told["held"], told["refused"]) == ([], "")
        until(lambda: "trigger.records 500 -> 300" in live()["note"], "the note")
        shown = json.loads((state_dir / "config.json").read_text())
        assert shown["settings"]["trigger"]["records"] == 300
        train(300, 2)
        # A broken file: the service goes on with what it has.
        told = reload(second.replace("[train]", "[train"), 2)
        assert told["applied"] == {}
        assert "not valid TOML" in told["refused"]
        until(lambda: "not reloaded" in live()["note"], "the note")
        train(300, 3)
        # A change that needs a restart, and beside it some that do not.
        third = second.replace("records = 300", "records = 200").replace("ratio = 0.5", "ratio = 1")
        told = reload(third.replace("batch_size = 64", "batch_size = 32"), 3)
        assert told["applied"] == {"trigger.records": [300, 200], "history.ratio": [0.5, 1.0]}
        assert told["held"] == ["train.batch_size"]
        train(200, 4)
        plans = [store.folder(number).plan() for number in (1, 2, 3, 4)]
        kept = [
            json.loads((state_dir / f"recipes/{plan.recipe}.json").read_text()) for plan in plans
        ]
        assert kept[0] == kept[1] == kept[2]
        assert differences(kept[2], kept[3]) == ["history.ratio: 0.5 -> 1.0"]
        trained = [store.folder(plan.round).report()["counts"]["train"] for plan in plans]
        assert plans[3].history_rows == trained[3]
        service.send_signal(signal.SIGTERM)
        assert service.wait(60) == 0
    finally:
        service.kill()
    file.write_text(third)  # what was held was never in force
    replayed = project.command("replay", "4")
    assert replayed.code == 0, replayed.output
    output, _ = service.communicate(10)
    assert "train.batch_size: needs a restart" in output
    assert "not valid TOML" in output
