"""What a trigger looks at, and the trigger that a configuration describes."""

from __future__ import annotations

import pytest

import trainer
from millstream.config.trigger import TriggerConfig
from millstream.outlook import past_rounds
from millstream.triggers import make_trigger
from trainer import PastRound, Waiting


class Rounds:
    """A store of reports: (records, score or None, epochs) by round."""

    def __init__(self, *rounds: tuple[int, float | None, int]) -> None:
        self._rounds = rounds
        self.number = len(rounds)

    def folder(self, number: int) -> Rounds:
        found = Rounds(*self._rounds[:number])
        assert found.number == number > 0
        return found

    def report(self) -> dict:
        records, score, epochs = self._rounds[-1]
        return {
            "counts": {"seen": records},
            "prequential": {} if score is None else {"learner": {"auc": score}},
            "training": {"epochs": epochs, "seconds": records / 100},
        }


def test_past_rounds_are_the_last_that_can_be_compared() -> None:
    store = Rounds((100, 0.5, 3), (200, None, 3), (300, 0.7, 0), (400, 0.8, 2), (500, 0.9, 1))
    expected = (PastRound(100, 0.5, 1.0), PastRound(400, 0.8, 4.0), PastRound(500, 0.9, 5.0))
    assert past_rounds(store, store, 9, "auc") == expected
    assert past_rounds(store, store, 2, "auc") == expected[1:]
    assert past_rounds(store, store, 2, "rmse") == ()
    assert past_rounds(Rounds(), Rounds(), 2, "auc") == ()


def test_a_long_past_without_scores_is_not_read_to_its_beginning() -> None:
    silent = Rounds((100, 0.5, 3), *[(100, None, 3)] * 20)
    assert past_rounds(silent, silent, 1, "auc") == ()
    assert len(past_rounds(silent, silent, 2, "auc")) == 1


@pytest.mark.parametrize(
    ("settings", "waiting", "reason"),
    [
        ({"records": 10, "seconds": 5}, Waiting(10, 0.0), "10 records"),
        ({"records": 10, "seconds": 5, "mode": "all"}, Waiting(10, 4.0), None),
        ({"records": 10, "seconds": 5, "mode": "all"}, Waiting(10, 5.0), "10 records and 5.0 s"),
        ({"records": 10, "mode": "all"}, Waiting(1, 0.0, by_hand=True), "by hand"),
        ({"drift": True}, Waiting(1, 0.0, drift="rose"), "drift: rose"),
        ({"records": 10}, Waiting(1, 0.0, drift="rose"), None),
        ({"cost": {"price": 1, "first_records": 7}}, Waiting(7, 0.0), "7 records, costs not"),
    ],
)
def test_the_trigger_of_a_configuration(settings: dict, waiting: Waiting, reason) -> None:
    trigger = make_trigger(TriggerConfig(**settings))
    told = trigger.due(waiting)
    assert told == reason or (reason and told.startswith(reason))
    trainer.check_trigger(trigger)
