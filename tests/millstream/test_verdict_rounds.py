"""Each bottleneck made true on purpose: what a real service on a real broker says of itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from kafka.protocol.admin import AlterClientQuotasRequest

from millstream.config.config import load_config
from millstream.request import ask
from millstream.rounds.store import RoundStore
from millstream.service import RunOptions, run_service
from millstream.watch.board import Board
from millstream.watch.verdict import parts_of
from tests.ingest.broker import admin

from .project import Project, create_topic, make_project, make_rows

DEADLINE_S = 500.0
BAD = 50_000
EPOCHS = 300  # the train step is traced before the first round, which must be training all the same
HELD_S = 30.0  # an answer that is held back counts when it has come, after some six seconds
SMALL = "max_partition_fetch_bytes = 4096"  # else one answer has all records before the limit holds
SLOW = """
import time
from pathlib import Path

import tensorflow as tf

SLOW = Path(__file__).parent / "slow"


def pause(a):
    if SLOW.exists():
        time.sleep(float(SLOW.read_text()))
    return a


def augment(features, seed):
    a = tf.numpy_function(pause, [features["a"]], tf.float32)
    return {**features, "a": tf.ensure_shape(a, features["a"].shape)}
"""


@contextmanager
def running(project: Project) -> Iterator[tuple[Board, Callable[[], dict]]]:
    """A service in a thread; gives its board, and what waits for the verdict of the next round."""
    board, stop, failed = Board(project.state_dir / "status.json"), threading.Event(), []
    config = load_config(project.directory / "millstream.toml")
    config.state_dir.mkdir(exist_ok=True)

    def run() -> None:
        try:
            run_service(config, RunOptions(), board, stop)
        except Exception as error:  # noqa: BLE001 - it is told where it is waited for
            failed.append(error)

    thread = threading.Thread(target=run)
    thread.start()

    def verdict() -> dict:
        before = board.snapshot().verdict.get("round", 0)
        until(lambda: failed or board.snapshot().verdict.get("round", 0) > before)
        assert not failed
        return board.snapshot().verdict

    try:
        until(lambda: failed or board.snapshot().phase == "running")
        yield board, verdict
    finally:
        stop.set()
        thread.join()
    assert not failed


def until(holds: Callable[[], object]) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not holds():
        assert time.monotonic() < deadline, "it never came to that"
        time.sleep(0.1)


def send(project: Project, board: Board, rows: list[bytes]) -> None:
    """Produce records, and wait until the service has read them."""
    before = board.snapshot().records
    project.produce(rows)
    until(lambda: board.snapshot().records >= before + len(rows))


def limit(servers: str, client: str, bytes_per_s: float) -> None:
    """Have the broker give a client so many bytes a second."""
    request = AlterClientQuotasRequest(
        entries=[([("client-id", client)], [("consumer_byte_rate", bytes_per_s, False)])],
        validate_only=False,
    )
    with admin(servers) as client_:

        async def alter():
            return await client_._manager.send(request)

        answer = client_._manager.run(alter)
    assert [entry.error_code for entry in answer.entries] == [0]


def busy_seconds(project: Project, number: int) -> float:
    """What a round took but for its wait, on this machine as busy as it is."""
    folder = RoundStore(project.state_dir / "rounds").folder(number)
    parts = parts_of(folder.report(), folder.published() or {})
    return sum(value for name, value in parts.items() if name not in ("wait", "broker", "decode"))


@pytest.mark.long
@pytest.mark.timeout(600)
def test_publish_decode_idle_and_broker(kafka, topic: str, tmp_path: Path) -> None:
    project = make_project(tmp_path, kafka.bootstrap_servers, topic, records=10**7, epochs=1)
    path = project.directory / "millstream.toml"
    text = path.read_text().replace("seconds = 30\n", "")
    text = text.replace("rungs = []", 'rungs = ["float16"]')
    text = text.replace("bad_ratio_min_records = 100", "max_bad_ratio = 1.0")
    path.write_text(
        text.replace("[schema]\n", f'options = {{ client_id = "{topic}", {SMALL} }}\n[schema]\n')
    )
    create_topic(kafka.bootstrap_servers, topic)
    with running(project) as (board, verdict):
        send(project, board, make_rows(300, seed=1))
        ask(project.state_dir)
        verdict()  # of the first round, which has to trace the model
        send(project, board, make_rows(300, seed=2))
        ask(project.state_dir)
        assert verdict()["bound"] == "publish-bound"
        send(project, board, [b'{"a": "x"}'] * BAD)  # nothing is learned, nothing published
        ask(project.state_dir)
        assert verdict()["bound"] == "decode-bound"
        assert sum(board.snapshot().dead_letters.values()) == BAD
        long = 3 * busy_seconds(project, 2)
        send(project, board, make_rows(300, seed=4))
        time.sleep(long)
        ask(project.state_dir)
        assert verdict()["bound"] == "trigger-idle"
        limit(kafka.bootstrap_servers, topic, 2_000.0)
        project.produce(make_rows(20_000, seed=5))
        until(lambda: board.snapshot().pending > 0)
        time.sleep(max(long, HELD_S))
        until(lambda: board.snapshot().lag != 0)  # known to be more, or not known
        ask(project.state_dir)
        assert verdict()["bound"] == "broker-bound"


@pytest.mark.long
@pytest.mark.timeout(600)
def test_compute_and_input(kafka, topic: str, tmp_path: Path) -> None:
    project = make_project(tmp_path, kafka.bootstrap_servers, topic, records=10**7, epochs=EPOCHS)
    path = project.directory / "millstream.toml"
    text = path.read_text().replace("patience = 2", f"patience = {EPOCHS}")
    path.write_text(text + '\n[[augment.steps]]\nown = "mine:augment"\n')
    (project.directory / "mine.py").write_text(SLOW)
    create_topic(kafka.bootstrap_servers, topic)
    with running(project) as (board, verdict):
        send(project, board, make_rows(900, seed=1))
        ask(project.state_dir)
        assert verdict()["bound"] == "compute-bound"
        # Two batches are prepared at a time, while a step goes on: five times its time is waited.
        pauses = EPOCHS * 500 // 64
        (project.directory / "slow").write_text(str(12 * busy_seconds(project, 1) / pauses))
        send(project, board, make_rows(900, seed=2))
        ask(project.state_dir)
        found = verdict()
        assert (found["bound"], found["setting"]) == ("input-bound", "augment.steps"), found
