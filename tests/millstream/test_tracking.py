"""The curves in MLflow: each round is told once, pictures at most once a minute."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace

import pytest
from mlflow import MlflowClient

from millstream.publishing.tracking import begin_minute, track_rounds
from registry import ModelRegistry

MINUTE = 60_000
SCORES = {"auc": 0.7, "accuracy": 0.8}


@dataclass(frozen=True)
class Round:
    """What is read of a round's folder."""

    number: int
    created_ms: int

    def plan(self) -> SimpleNamespace:
        return SimpleNamespace(created_ms=self.created_ms)

    def report(self) -> dict:
        if self.number == 0:
            return {"lineage": "a"}
        return {
            "counts": {"seen": 10, "bad": 0},
            "prequential": {"rows": 2, "learner": SCORES, "faded": {"learner": SCORES}},
            "training": {"epochs": 1, "seconds": 0.1},
        }

    def published(self) -> dict:
        return {"promoted": True}


@pytest.mark.parametrize(
    ("times", "new", "draws"),
    [
        ([5], 1, True),
        ([5, 6], 2, True),
        ([5, 6], 1, False),
        ([MINUTE - 1, MINUTE], 1, True),
        ([5, MINUTE, MINUTE + 1], 1, False),
        ([5, MINUTE, MINUTE + 1], 2, True),
        ([MINUTE, 5], 1, True),
    ],
)
def test_the_first_round_of_a_minute_is_drawn(times: list[int], new: int, draws: bool) -> None:
    rounds = [Round(number + 1, time) for number, time in enumerate(times)]
    assert begin_minute(rounds, new) is draws


def test_rounds_of_one_minute_share_a_picture(tmp_path: Path) -> None:
    uri = f"sqlite:///{tmp_path / 'mlflow.db'}"
    client, drawn, points = MlflowClient(uri), [], []
    rounds = [Round(0, 0), Round(1, 5), Round(2, 6), Round(3, MINUTE), Round(4, MINUTE + 1)]
    registry = ModelRegistry("curves", uri, artifact_root=tmp_path / "artifacts")
    for count in range(2, len(rounds) + 1):
        store = SimpleNamespace(folder=rounds.__getitem__, complete=lambda n=count: rounds[:n])
        config = SimpleNamespace(metric="auc")
        track_rounds(SimpleNamespace(store=store, config=config, registry=registry))
        (run,) = client.search_runs(
            [one.experiment_id for one in client.search_experiments()],
            "attributes.run_name = 'millstream.service'",
        )
        (picture,) = (tmp_path / "artifacts").rglob("faded.png")
        drawn.append(picture.stat().st_mtime_ns)
        points.append(len(client.get_metric_history(run.info.run_id, "prequential/learner_auc")))
    assert points == [1, 2, 3, 4]
    assert drawn[0] == drawn[1] < drawn[2] == drawn[3]
