"""Turns at a model's aliases: one at a time, and none is lost with a process that was killed."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest
from mlflow import MlflowClient
from quick_versions import aliases, moves, quick_publish

import registry.turn
from registry import ModelRegistry, StoreError
from registry.process import is_gone, my_mark, started
from registry.turn import TICKET, taking_turn

STEPS = ("turn", "journal", "alias", "previous", "entry", "journal_done")


@pytest.fixture
def client(flights: ModelRegistry) -> MlflowClient:
    client = MlflowClient(flights.tracking_uri)
    client.create_registered_model("flights")
    return client


def tickets(client: MlflowClient) -> list[str]:
    tags = client.get_registered_model("flights").tags
    return [key for key in tags if key.startswith(TICKET)]


def test_a_mark_tells_whether_its_process_is_there() -> None:
    sleeping = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    host, space, _, _, thread = my_mark().split("/")
    start = started(sleeping.pid)
    assert start
    mark = "/".join([host, space, str(sleeping.pid), start, thread])
    assert not is_gone(mark)
    assert is_gone("/".join([host, space, str(sleeping.pid), "1", thread]))
    sleeping.kill()
    deadline = time.monotonic() + 60
    while not is_gone(mark) and time.monotonic() < deadline:  # a zombie is gone, too
        time.sleep(0.01)
    assert is_gone(mark)
    sleeping.wait()
    assert is_gone(mark)
    assert not is_gone(mark.replace(host, "another-host"))
    assert not is_gone("anything")


def test_threads_take_turns(client: MlflowClient) -> None:
    inside, most, done = [0], [0], []

    def work() -> None:
        for _ in range(3):
            with taking_turn(client, "flights"):
                inside[0] += 1
                most[0] = max(most[0], inside[0])
                time.sleep(0.01)
                inside[0] -= 1
            done.append(True)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(done) == 12
    assert most == [1]
    assert tickets(client) == []


def test_a_ticket_of_this_very_thread_is_left_over(client: MlflowClient) -> None:
    client.set_registered_model_tag("flights", f"{TICKET}0", f"{my_mark()} 0")
    with taking_turn(client, "flights"):
        assert len(tickets(client)) == 1


def test_a_ticket_of_another_host_is_dropped_when_it_does_not_change(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.turn, "STALE_S", 0.3)
    client.set_registered_model_tag("flights", f"{TICKET}0", "another-host//1/1/1 0")
    begun = time.monotonic()
    with taking_turn(client, "flights"):
        assert time.monotonic() - begun > 0.3
    assert tickets(client) == []


def test_others_who_do_not_end_are_named(
    client: MlflowClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(registry.turn, "PATIENCE_S", 0.3)
    client.set_registered_model_tag("flights", f"{TICKET}0", "another-host//1/1/1 0")
    with pytest.raises(StoreError, match="another-host"), taking_turn(client, "flights"):
        pass
    assert tickets(client) == [f"{TICKET}0"]


def test_a_turn_that_was_held_up_changes_nothing_more(
    flights: ModelRegistry, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in (1, 2):
        quick_publish(flights, number)
    monkeypatch.setattr(registry.turn, "LEASE_S", -1.0)
    with pytest.raises(StoreError, match="another writer may have gone on"):
        flights.rollback()
    monkeypatch.undo()
    assert flights.champion().version == 2
    assert moves(flights)[2:] == []  # the journal may be another's by then
    assert flights.rollback().version == 1
    assert aliases(flights) == {"champion": 1, "previous": 2}
    assert moves(flights)[2:] == [(3, 2, 1, "done")]


@pytest.mark.slow
def test_a_roll_back_that_is_killed_is_finished_by_the_next_turn(flights: ModelRegistry) -> None:
    for number in (1, 2):
        quick_publish(flights, number)
    expected = [list(move) for move in moves(flights)]
    script = Path(__file__).with_name("killed_roll_backs.py")
    command = [sys.executable, script, flights.tracking_uri, *STEPS]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    for found in json.loads(done.stdout.splitlines()[-1]):
        step, before = found["step"], found["before"]
        assert found["end"] == signal.SIGKILL, step
        old, new = before["champion"], before["previous"]
        if step == "turn":
            assert found["after"] == before
        else:
            assert found["after"] == {"champion": new, "previous": old}, step
            expected.append([len(expected) + 1, old, new, "done"])
        assert found["moves"] == expected, step
        assert found["told"] == (step not in {"turn", "journal_done"}), step
    assert flights.journal()[-1].who == "ada"
    assert tickets(MlflowClient(flights.tracking_uri)) == []
