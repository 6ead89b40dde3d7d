"""The states of partitions, of one worker and as others hear of them."""

from __future__ import annotations

import json
from pathlib import Path

from ingest import IntakeSeconds, Position
from millstream.testing import run_workers
from millstream.watch.flow import Flow, PartitionState
from millstream.workers.readings import Readings
from millstream.workers.signals import Signals, agree_on_signals, others_of
from trainer import Waiting


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_rates_are_of_the_last_second_or_so() -> None:
    clock = Clock()
    flow = Flow(clock)
    end = Position({"t": {0: 1_000, 3: 50}})
    first = flow.look(Position({"t": {0: 100, 3: 50}}), end)
    assert first["t[0]"] == PartitionState(1_000, 100, 900, 0.0)
    assert first["t[3]"].lag == 0
    clock.now += 0.5
    assert flow.look(Position({"t": {0: 300, 3: 50}}), end)["t[0]"].records_per_s == 0.0
    clock.now += 1.5
    state = flow.look(Position({"t": {0: 500, 3: 50}}), end)["t[0]"]
    assert (state.records_per_s, state.lag) == (200.0, 500)
    clock.now += 2.0
    assert flow.look(Position({"t": {0: 500, 3: 50}}), None)["t[0]"] == PartitionState(
        None, 500, None, 0.0
    )


def test_others_are_told_about_once_a_second() -> None:
    clock = Clock()
    flow = Flow(clock)
    flow.look(Position({"t": {0: 1}}), None)
    assert set(flow.news()) == {"t[0]"}
    assert flow.news() == {}
    clock.now += 1.1
    assert set(flow.news()) == {"t[0]"}


def signals(rank: int, partitions: dict[str, PartitionState]) -> Signals:
    return Signals(
        waiting=Waiting(records=10, seconds=0.0),
        full=False,
        records=100,
        bad=rank,
        unchecked=0,
        lag=5,
        stop=False,
        paused=False,
        now=1.0,
        kinds={"not_json": rank, "null": 1},
        seconds=IntakeSeconds(broker=1.0, decode=2.0 * rank),
        partitions=partitions,
    )


def test_the_first_worker_knows_the_partitions_of_all(tmp_path: Path) -> None:
    def work(workers):
        readings = Readings(tmp_path, workers.rank, workers.size)
        told = {f"t[{workers.rank}]": PartitionState(9, 4, 5, 1.0)}
        for news in (told, {}):
            own = signals(workers.rank, news)
            now = agree_on_signals(own, workers)
            readings.hear(others_of(own, now))
        return now, readings.look()

    now, others = run_workers(2, work)[0]
    assert now.kinds == {"not_json": 1, "null": 2}
    assert now.seconds == IntakeSeconds(broker=2.0, decode=2.0)
    assert set(others.partitions) == {"t[1]"}
    assert others.partitions["t[1]"].position == 4
    assert (others.kinds, others.lag) == ({"not_json": 1, "null": 1}, 5)


def test_signals_come_back_from_their_plain_form() -> None:
    told = signals(1, {"t[0]": PartitionState(None, 4, None, 0.5)})
    assert Signals.from_json(json.loads(json.dumps(told.to_json()))) == told
