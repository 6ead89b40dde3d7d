"""`millstream follow` as a process, over a real server that goes away; commands that fail."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from servers import ADMIN, ADMIN_PASSWORD, MlflowServer

from millstream.announce import Announcer
from registry import LoadedModel, ModelRegistry
from registry.loading import load_folder
from registry.shelf import Shelf, open_shelf

ROOT = Path(__file__).parents[2]
WRITE = 'echo "$MILLSTREAM_NAME $MILLSTREAM_VERSION after [$MILLSTREAM_PREVIOUS] $(cat'
WRITE += ' "$MILLSTREAM_MODEL/version.json" | grep -c run_id)" >> told'


def wait_for(seen: Callable[[], bool], process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = time.monotonic() + 120
    while not seen():
        assert process.poll() is None, log.read_text()
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.1)


def runs(pid: int) -> bool:
    """Whether a process does; one that has ended may wait to be looked at by its parent."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


@pytest.mark.slow
def test_a_follower_over_promotions_a_roll_back_and_a_server_that_goes_away(
    publication, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_USERNAME", ADMIN)
    monkeypatch.setenv("MLFLOW_TRACKING_PASSWORD", ADMIN_PASSWORD)
    server = MlflowServer(f"sqlite:///{tmp_path / 'mlflow.db'}", tmp_path)
    out, told, log = tmp_path / "out", tmp_path / "told", tmp_path / "log"
    command = [sys.executable, "-m", "millstream", "follow", "flights", "--every", "0.2"]
    environment = {**os.environ, "MLFLOW_TRACKING_URI": server.url, "PYTHONPATH": str(ROOT)}

    def lines() -> list[str]:
        return told.read_text().splitlines() if told.exists() else []

    server.start()
    process = None
    try:
        registry = ModelRegistry("flights", server.url)
        registry.publish(publication())
        with log.open("wb") as file:
            process = subprocess.Popen(
                [*command, "--out", str(out), "--exec", WRITE],
                cwd=tmp_path,
                env=environment,
                stdout=file,
                stderr=file,
            )
        wait_for(lambda: len(lines()) == 1, process, log)
        registry.publish(publication(round=2, compared_with=1))
        wait_for(lambda: len(lines()) == 2, process, log)
        server.kill()
        wait_for(lambda: "version 2 stays in use" in log.read_text(), process, log)
        time.sleep(1.5)
        server.start()
        registry.rollback(reason="worse in the shop")
        wait_for(lambda: len(lines()) == 3, process, log)
        process.send_signal(signal.SIGTERM)
        assert process.wait(60) == 0, log.read_text()
    finally:
        server.kill()
        if process is not None and process.poll() is None:
            process.kill()
    assert lines() == [
        "flights 1 after [] 1",
        "flights 2 after [1] 1",
        "flights 1 after [2] 1",
    ]
    text = log.read_text()
    silences = [line.split(" ", 2)[2] for line in text.splitlines() if "stays in use" in line]
    print(*silences, sep="\n")
    assert 1 <= len(silences) == len(set(silences)) <= 3
    assert "flights@champion can be followed again" in text
    assert ADMIN_PASSWORD not in text
    assert load_folder(out / "current").version.version == 1


@pytest.fixture(scope="module")
def pulled(tmp_path_factory: pytest.TempPathFactory, empty_store: Path, publication) -> Path:
    folder = tmp_path_factory.mktemp("pulled")
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    registry = ModelRegistry("flights", f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")
    registry.publish(publication())
    registry.pull("flights", folder / "out" / "versions" / "1")
    return folder / "out"


def announcer(
    pulled: Path, shelf: Shelf, command: str, timeout_s: float = 60.0
) -> tuple[Announcer, LoadedModel, threading.Event]:
    stop = threading.Event()
    (pulled / "follow.json").unlink(missing_ok=True)
    return Announcer(command, shelf, timeout_s, stop), load_folder(pulled / "versions" / "1"), stop


def test_a_command_that_fails_is_tried_three_times(
    pulled: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    command = f"echo x >> {tmp_path / 'ran'}; exit 7"
    with open_shelf(pulled, "flights@champion") as shelf:
        one, model, _ = announcer(pulled, shelf, command)
        for _ in range(6):
            one.tell(model)
        assert (tmp_path / "ran").read_text().count("x") == 3
        assert shelf.announced == (1, model.version.run_id)
    assert [message.partition("; ")[2] for message in caplog.messages] == [
        "it is tried again",
        "it is tried again",
        "given up until the alias moves",
    ]
    assert "version 1: the command ended with 7" in caplog.text


def test_a_command_that_works_is_run_once_also_by_the_next_follower(
    pulled: Path, tmp_path: Path
) -> None:
    command = f"test -e {tmp_path / 'ran'} || {{ touch {tmp_path / 'ran'}; exit 1; }}; "
    command += f"echo done >> {tmp_path / 'ran'}"
    with open_shelf(pulled, "flights@champion") as shelf:
        one, model, _ = announcer(pulled, shelf, command)
        one.tell(model)
        one.tell(model)
    with open_shelf(pulled, "flights@champion") as shelf:
        Announcer(command, shelf, 60.0, threading.Event()).tell(model)
    assert (tmp_path / "ran").read_text() == "done\n"


def test_a_command_that_hangs_is_ended_with_what_it_started(
    pulled: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    command = f"sleep 600 & echo $! > {tmp_path / 'child'}; wait"
    with open_shelf(pulled, "flights@champion") as shelf:
        one, model, stop = announcer(pulled, shelf, command, 1.0)
        one.tell(model)
        assert "took longer than 1 s; it is tried again" in caplog.text
        assert shelf.announced is None
        assert not runs(int((tmp_path / "child").read_text()))
        stop.set()
        one.tell(model)
        assert len(caplog.messages) == 1
