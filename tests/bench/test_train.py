"""The benchmark of the trainer counts what it says; its runs of the service are for `make`."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest

import bench.train.__main__ as bench
from bench.train import cores
from bench.train.feeding import BATCH, Case, Lap, held_in_memory, race, rows_of
from bench.train.lateness import Promotion, promotions, waits
from bench.train.models import tiny
from bench.train.overhead import parts_of
from bench.train.reading import Sample, ceiling, summed_up
from ingest import training_dataset
from millstream.rounds.folder import RoundFolder
from millstream.rounds.plan import Plan

pytestmark = pytest.mark.long


@pytest.fixture(scope="module")
def case():
    import trainer
    from bench.ingest.schemas import large_schema

    schema = large_schema()
    return Case("tiny", schema, rows_of(schema, 2 * BATCH), 2, trainer.Learner(tiny(), 1))


def test_both_ways_give_the_same_batches(case):
    fed, held = case.fed(), held_in_memory(case.fed())
    assert fed.element_spec == held.element_spec
    assert int(fed.cardinality()) == int(held.cardinality()) == case.steps == 4
    for (x, y, weight), (same_x, same_y, same_weight) in zip(fed, held, strict=True):
        assert all((x[name] == same_x[name]).numpy().all() for name in x)
        assert (y == same_y).numpy().all()
        assert (weight == same_weight).numpy().all()
    seed = {"batch_size": BATCH, "epochs": 2, "seed": 2, "weights": np.ones(2 * BATCH)}
    other = next(iter(training_dataset(case.rows, case.schema, **seed)))
    assert (next(iter(fed))[0]["x0"] != other[0]["x0"]).numpy().any()


def test_a_race_of_feeding_gives_a_ratio(case, capsys):
    assert 0 < race(case, 1) < 100
    assert "| fed by service  |" in capsys.readouterr().out
    lap = case.lap(case.fed())
    assert isinstance(lap, Lap)
    assert lap.rate > 0 <= lap.waits <= 1


def test_reading_is_counted_in_the_middle_of_the_records(monkeypatch):
    """One worker alone, then two that read 100 a second, at 10 ms and 1 ms of processor time."""
    monkeypatch.setattr(os, "cpu_count", lambda: 2)
    start = [Sample(n, 30 * n, n, n, n) for n in range(10)]
    both = [Sample(9 + n, 270 + 100 * n, 9 + n, 9 + n / 10, 9 + n / 2) for n in range(1, 6)]
    end = [Sample(14 + n, 770 + 30 * n, 14, 10, 20) for n in range(1, 8)]
    found = summed_up([*start, *both, *end], 1000)
    assert found.rate == pytest.approx(100)
    assert found.cpu_us == pytest.approx(10_000)
    assert found.broker_us == pytest.approx(1_000)
    assert found.idle == pytest.approx(0.25)
    assert found.others == pytest.approx(1 - 0.25 - 1.1 / 2)
    assert ceiling(found, 2) == pytest.approx(2 / 1.1)
    assert ceiling(found, 4) == 2
    with pytest.raises(RuntimeError, match="take more"):
        summed_up(start[:3], 1000)


def test_workers_are_given_cores_of_their_own_before_hyperthreads(monkeypatch, tmp_path):
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 1, 2, 3, 9})
    monkeypatch.setattr(cores, "TOPOLOGY", tmp_path)
    for core in range(4):
        path = tmp_path / f"cpu{core}" / "topology" / "thread_siblings_list"
        path.parent.mkdir(parents=True)
        path.write_text(f"{core // 2 * 2}-{core // 2 * 2 + 1}\n")
    assert cores.apart() == [0, 2, 9, 1, 3]
    assert cores.whole() == [0, 2, 9]


def make_round(store, number, start, end, promoted, at):
    folder = RoundFolder(store / f"{number:06d}")
    folder.path.mkdir()
    plan = {
        "format": 1,
        "round": number,
        "parent": number - 1,
        "start": {"flights": {"0": start}},
        "end": {"flights": {"0": end}},
        "seed": 1,
        "recipe": "r",
        "reason": "2.0 s",
        "created_ms": 0,
        "gaps": [],
    }
    (folder.path / "plan.json").write_text(json.dumps(Plan.from_json(plan).to_json()))
    folder.write_report({"seconds": {"plan": 1.0, "train": 2.0}})
    folder.write_published({"promoted": promoted, "seconds": {"gate": 0.5}})
    os.utime(folder.path / "published.json", (at, at))
    return folder


def test_a_record_waits_for_the_first_promoted_version_that_has_learned_it(tmp_path):
    rounds = [
        make_round(tmp_path, number, 10 * number - 10, 10 * number, promoted, 100 * number)
        for number, promoted in ((1, False), (2, True), (3, False))
    ]
    found = promotions(rounds)
    assert found[0] == Promotion({0: (0, 10)}, 200_000)
    assert [each.time_ms for each in found] == [200_000, 200_000, None]
    stamps = {0: np.full(30, 150_000)}
    assert waits(found, stamps).tolist() == [50] * 20
    assert parts_of(rounds, "gate") == [0.5] * 3
    assert parts_of(rounds, "cut") == [0] * 3


def test_the_last_line_is_for_machines(capsys, monkeypatch):
    parts = {"fed_vs_memory": lambda _: {"fed_vs_memory": 0.98765}}
    monkeypatch.setattr(bench, "PARTS", parts)
    bench.main(["--only", "fed_vs_memory"])
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert last == {"bench": "train", "results": {"fed_vs_memory": 0.9877}}


def test_loops_at_once_are_counted_together(monkeypatch):
    monkeypatch.setattr(cores, "LOOP", "print('ready', flush=True); input(); print(21)")
    assert cores.loops([0], 0.1) == 21
    assert cores.loops([0, 1], 0.1) == 42
