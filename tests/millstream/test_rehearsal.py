"""The ratio of history to window: more while a score gets worse, and slowly back."""

from __future__ import annotations

import pytest

from millstream.config.sample import HistoryConfig
from millstream.rehearsal import Rehearsal

FIXED = HistoryConfig(rows=100, ratio=0.5)
ADAPTING = HistoryConfig(rows=100, ratio=0.5, most_ratio=2.0)


def run(scores: list[float | None], settings: HistoryConfig, metric: str = "auc") -> list[float]:
    """The ratios of some rounds and of the one after them, each from its parent's report alone."""
    report: dict = {}
    ratios = []
    for score in scores:
        now = Rehearsal.after(report, settings, metric)
        ratios.append(now.ratio)
        report = {"history": now.scored(score).to_json()}
    return [*ratios, Rehearsal.after(report, settings, metric).ratio]


def test_without_a_larger_one_the_ratio_stays() -> None:
    assert run([0.9, 0.5, 0.4, None], FIXED) == [0.5] * 5


def test_it_grows_while_the_score_is_worse_than_its_best() -> None:
    ratios = run([0.9, 0.9, 0.85, 0.84, 0.84, 0.84], ADAPTING)
    assert ratios == [0.5, 0.5, 0.5, 0.75, 1.125, 1.6875, 2.0]


@pytest.mark.parametrize(("metric", "fine", "worse"), [("auc", 0.885, 0.87), ("rmse", 1.01, 1.05)])
def test_a_small_loss_is_chance(metric: str, fine: float, worse: float) -> None:
    best = 0.9 if metric == "auc" else 1.0
    assert run([best, fine], ADAPTING, metric)[-1] == 0.5
    assert run([best, worse], ADAPTING, metric)[-1] == 0.75


def test_a_smaller_error_is_no_loss() -> None:
    assert run([1.0, 0.5, 0.2], ADAPTING, "log_loss") == [0.5] * 4


def test_it_comes_back_slowly() -> None:
    ratios = run([0.9, 0.8, 0.8, *[0.9] * 30], ADAPTING)
    top = ratios.index(max(ratios))
    back = ratios[top:]
    assert back == sorted(back, reverse=True)
    assert back[1] > 1.0
    assert back[-1] == pytest.approx(0.5, abs=0.05)
    assert min(back) >= 0.5


def test_a_stream_that_became_harder_is_not_one_that_was_forgotten() -> None:
    ratios = run([0.95, *[0.8] * 80], ADAPTING)
    assert max(ratios) == 2.0
    assert ratios[-1] < 1.0


def test_it_can_grow_from_nothing_and_shrink_to_new_settings() -> None:
    assert run([0.9, 0.8], HistoryConfig(rows=1, ratio=0.0, most_ratio=1.0))[-1] == 0.1
    far = {"history": {"metric": "auc", "ratio": 9.0, "score": 0.5, "best": 0.9}}
    assert Rehearsal.after(far, ADAPTING, "auc").ratio == 2.0
    assert Rehearsal.after(far, FIXED, "auc").ratio == 0.5


def test_what_is_not_known_changes_nothing() -> None:
    assert run([None, None], ADAPTING) == [0.5] * 3
    told = {"history": {"metric": "auc", "ratio": 1.0, "score": 0.1, "best": 0.9}}
    assert Rehearsal.after(told, ADAPTING, "accuracy") == Rehearsal("accuracy", 0.5)
    assert Rehearsal.after({}, ADAPTING, "auc") == Rehearsal("auc", 0.5)


def test_the_best_outlives_a_round_without_a_score() -> None:
    first = Rehearsal.after({}, ADAPTING, "auc").scored(0.9)
    second = Rehearsal.after({"history": first.to_json()}, ADAPTING, "auc").scored(None)
    assert (second.score, second.best) == (None, 0.9)
    assert Rehearsal.after({"history": second.to_json()}, ADAPTING, "auc").best == 0.9
