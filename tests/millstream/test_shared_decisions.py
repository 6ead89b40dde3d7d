"""What workers find apart from each other, they decide together."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ingest import Rows
from millstream.config.config import load_config
from millstream.errors import WorkersError
from millstream.outlook import Outlook
from millstream.prequential.predicting import predict_alike
from millstream.prequential.rows import Tested as Holdout
from millstream.request import ask
from millstream.rounds.endings import Idleness
from millstream.shared_rows import scores_of
from millstream.workers.signals import Signals, agree_on_signals
from millstream.workers.told_alike import check_told_alike
from tests.millstream.project import make_project
from tests.millstream.test_recent_rows import pipeline_of, rows_of
from trainer import TrainingError, Waiting, run_workers


def test_all_are_idle_at_the_same_time() -> None:
    def work(workers):
        idle, found = Idleness(1.0), []
        for tick in range(30):
            now = 0.05 * tick + 0.02 * workers.rank * (tick % 3)
            own = Signals(Waiting(0, 0.0), False, 5, 0, 0, 0, stop=False, paused=False, now=now)
            every = agree_on_signals(own, workers)
            found.append(idle.reached(every.records, every.lag, every.now))
        return found

    first, *others = run_workers(3, work)
    assert others == [first, first]
    assert first.index(True) == 20


def test_rows_of_one_that_cannot_be_scored_are_the_matter_of_all() -> None:
    rows = rows_of(np.arange(10))

    def scores(features, labels, kind):
        if 4.0 in features["a"]:
            raise TrainingError("model", expected="less", got="4", mend="give it a range")
        return features["a"].astype(np.float64)

    def work(workers):
        pipeline = pipeline_of("none", weighed=False)
        pipeline.learner = SimpleNamespace(scores=scores)
        mine = rows.take(rows.partition == workers.rank)
        few = scores_of(pipeline, mine.take(mine.offset < 4), "loss", workers)
        with pytest.raises(TrainingError, match="model: expected less, got 4; give it a range"):
            scores_of(pipeline, mine, "loss", workers)
        return few.tolist(), workers.gather(b"next")

    told = [b"next"] * 3
    assert run_workers(3, work) == [([0.0, 2.0], told), ([1.0, 3.0], told), ([], told)]


def holdout(version: int | None, count: int) -> Holdout:
    numbers = np.arange(count)
    return Holdout(
        topic=numbers.astype(np.int32),
        partition=numbers.astype(np.int32),
        offset=numbers,
        timestamp=numbers,
        labels=numbers,
        learner=numbers.astype(np.float32),
        champion=None if version is None else numbers.astype(np.float32),
        champion_version=version,
    )


def test_a_champion_that_changes_meanwhile_has_predicted_nothing() -> None:
    same = Holdout.merge([holdout(3, 2), holdout(None, 0), holdout(3, 4)])
    assert (same.champion_version, len(same.champion)) == (3, 6)
    other = Holdout.merge([holdout(3, 2), holdout(4, 4)])
    assert (other.champion, other.champion_version, len(other.learner)) == (None, None, 6)


@pytest.mark.parametrize("determinism", ["bitwise", "numeric"])
def test_a_row_is_predicted_beside_those_of_its_partition(determinism: str) -> None:
    config = SimpleNamespace(train=SimpleNamespace(determinism=determinism))
    seen: list[list[int]] = []

    def predict(rows: Rows) -> np.ndarray:
        seen.append(rows.partition.tolist())
        return rows.offset.astype(np.float32)

    rows = rows_of(np.arange(6)).take(np.array([3, 0, 4, 1, 5, 2]))
    assert predict_alike(config, rows, predict).tolist() == rows.offset.tolist()
    together = [sorted(part) for part in seen]
    assert together == ([[0] * 3, [1] * 3] if determinism == "bitwise" else [[0, 0, 0, 1, 1, 1]])


def test_the_first_worker_looks_for_requests_by_hand(tmp_path: Path) -> None:
    trigger = SimpleNamespace(cost=None, look_s=1.0, drift=False)
    config = SimpleNamespace(state_dir=tmp_path, trigger=trigger)
    intake = SimpleNamespace(pending=lambda: (0, 0.0))
    latest = SimpleNamespace(number=1)
    ask(tmp_path)
    found = {}
    for is_chief in (False, True):
        outlook = Outlook(SimpleNamespace(config=config, is_chief=is_chief), intake)
        found[is_chief] = outlook.waiting(latest).by_hand
        outlook.answered()
        assert (tmp_path / "trigger.json").exists() is not is_chief
    assert found == {False: False, True: True}


def test_workers_that_were_told_different_things_are_refused(tmp_path: Path) -> None:
    made = make_project(tmp_path / "p", "one:9092", "flights")
    path = made.directory / "millstream.toml"
    text = path.read_text()
    config = load_config(path)
    path.write_text(text.replace("one:9092", "two:9092"))
    elsewhere = load_config(path)
    path.write_text(text + "\n[drift]\ndetector = 'adwin'\n")
    other = load_config(path)

    def told(configs, options):
        def work(workers):
            check_told_alike(configs[workers.rank], options[workers.rank], workers)

        run_workers(2, work)

    told([config, elsewhere], ["rounds 1", "rounds 1"])
    for configs, options in (([config, other], ["", ""]), ([config, config], ["rounds 1", ""])):
        with pytest.raises(WorkersError, match="configuration, model file and options: expected"):
            told(configs, options)
