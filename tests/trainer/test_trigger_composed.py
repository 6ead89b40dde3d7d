"""Triggers that are composed, that wait for drift or a hand, and the one that weighs costs."""

import json
import math

import pytest

import trainer
from trainer import (
    AllTrigger,
    AnyTrigger,
    CostTrigger,
    DriftTrigger,
    HandTrigger,
    PastRound,
    RecordsTrigger,
    SecondsTrigger,
    Waiting,
    expected_gain,
    expected_seconds,
)

BOTH = AllTrigger((RecordsTrigger(100), SecondsTrigger(5.0)))
NESTED = AnyTrigger((HandTrigger(), AllTrigger((DriftTrigger(), RecordsTrigger(50)))))


def rising(score: float, step: float, rounds: int = 4, seconds: float = 2.0) -> tuple:
    """Rounds of 1,000 records whose scores go up by `step` each."""
    return tuple(PastRound(1000, score + step * index, seconds) for index in range(rounds))


RISING = rising(0.7, 0.01)
CASES = [
    (BOTH, Waiting(100, 4.9), None),
    (BOTH, Waiting(99, 5.0), None),
    (BOTH, Waiting(100, 5.0), "100 records and 5.0 s"),
    (DriftTrigger(), Waiting(1, 0.0, drift="errors rose"), "drift: errors rose"),
    (DriftTrigger(), Waiting(0, 0.0, drift="errors rose"), None),
    (DriftTrigger(), Waiting(1000, 9.0), None),
    (HandTrigger(), Waiting(1, 0.0, by_hand=True), "by hand"),
    (HandTrigger(), Waiting(0, 9.0, by_hand=True), None),
    (NESTED, Waiting(49, 0.0, drift="x"), None),
    (NESTED, Waiting(50, 0.0, drift="x"), "drift: x and 50 records"),
    (NESTED, Waiting(1, 0.0, by_hand=True), "by hand"),
    # 0.01 a round of 1,000 records: 1e-5 a record; 2 s at 0.001 a second are worth 200 records.
    (CostTrigger(0.001), Waiting(199, 9.0, past=RISING), None),
    (CostTrigger(0.001), Waiting(201, 0.0, past=RISING), "a gain of 0.00201 expected for 2.00 s"),
    (CostTrigger(0.01), Waiting(1999, 9.0, past=RISING), None),
    (CostTrigger(0.01), Waiting(2001, 9.0, past=RISING), "a gain of 0.02001 expected for 2.00 s"),
    (CostTrigger(0.001, first_records=300), Waiting(299, 9.0, past=RISING[:2]), None),
    (
        CostTrigger(0.001, first_records=300),
        Waiting(300, 0.0, past=RISING[:2]),
        "300 records, costs not known yet",
    ),
]


@pytest.mark.parametrize(("trigger", "waiting", "reason"), CASES)
def test_due(trigger: trainer.Trigger, waiting: Waiting, reason: str | None) -> None:
    assert trigger.due(waiting) == reason


@pytest.mark.parametrize("trigger", {repr(case[0]): case[0] for case in CASES}.values())
def test_conforms(trigger: trainer.Trigger) -> None:
    trainer.check_trigger(trigger)


def test_a_flat_score_is_not_worth_a_second() -> None:
    assert CostTrigger(1e-6).due(Waiting(10**9, 1e9, past=rising(0.7, 0.0))) is None


def test_a_score_that_falls_is_worth_as_much_as_one_that_rises() -> None:
    up, down = rising(0.7, 0.01), rising(0.7, -0.01)
    assert expected_gain(down, 500) == pytest.approx(expected_gain(up, 500))


def test_gain_is_the_slope_of_the_line_through_the_scores() -> None:
    """Scores 1, 3, 2 after 0, 10 and 40 records: least squares by hand."""
    past = [PastRound(10, 1.0, 1.0), PastRound(30, 3.0, 5.0), PastRound(99, 2.0, 2.0)]
    away = [0 - 50 / 3, 10 - 50 / 3, 40 - 50 / 3]
    slope = sum(x * y for x, y in zip(away, (1.0, 3.0, 2.0), strict=True))
    slope /= sum(x * x for x in away)
    assert expected_gain(past, 7) == pytest.approx(abs(slope) * 7)
    assert expected_seconds(past) == 2.0


def test_only_the_last_rounds_count() -> None:
    """What rose long ago is not expected to rise again."""
    past = (*rising(0.1, 0.2), *rising(0.9, 0.0, rounds=5))
    assert CostTrigger(0.001, rounds=5).due(Waiting(10**6, 1.0, past=past)) is None
    assert CostTrigger(0.001, rounds=9).due(Waiting(10**6, 1.0, past=past)) is not None


def test_rounds_without_a_score_are_not_looked_at() -> None:
    past = (*RISING[:2], PastRound(1000, math.nan, 2.0))
    assert CostTrigger(0.001, 10).due(Waiting(10, 0.0, past=past)) == (
        "10 records, costs not known yet"
    )


def test_what_waits_at_all_workers() -> None:
    parts = [
        Waiting(3, 1.5, past=RISING),
        Waiting(0, 0.0, drift="found", by_hand=True),
        Waiting(4, 0.5, drift="also"),
    ]
    crossed = [Waiting.from_json(json.loads(json.dumps(part.to_json()))) for part in parts]
    assert crossed == parts
    assert Waiting.together(crossed) == Waiting(7, 1.5, "found", True, RISING)


@pytest.mark.parametrize(
    "make",
    [
        lambda: AllTrigger(()),
        lambda: CostTrigger(0.0),
        lambda: CostTrigger(float("inf")),
        lambda: CostTrigger(1.0, first_records=0),
        lambda: CostTrigger(1.0, rounds=2),
    ],
)
def test_out_of_range(make) -> None:
    with pytest.raises(trainer.SettingsError, match="trigger"):
        make()
