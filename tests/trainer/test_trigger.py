import pytest

import trainer
from trainer import (
    AnyTrigger,
    RecordsTrigger,
    SecondsTrigger,
    Waiting,
)

CASES = [
    (RecordsTrigger(100), 99, 1e6, None),
    (RecordsTrigger(100), 100, 0.0, "100 records"),
    (RecordsTrigger(100), 250, 0.0, "250 records"),
    (SecondsTrigger(5.0), 0, 1e6, None),
    (SecondsTrigger(5.0), 1, 4.9, None),
    (SecondsTrigger(5.0), 1, 5.0, "5.0 s"),
    (AnyTrigger.of(100, 5.0), 99, 4.9, None),
    (AnyTrigger.of(100, 5.0), 100, 4.9, "100 records"),
    (AnyTrigger.of(100, 5.0), 99, 5.25, "5.2 s"),
    (AnyTrigger.of(100, 5.0), 100, 9.0, "100 records"),
    (AnyTrigger.of(records=100), 99, 9.0, None),
    (AnyTrigger.of(seconds=5.0), 1000, 1.0, None),
]


@pytest.mark.parametrize(("trigger", "records", "seconds", "reason"), CASES)
def test_due(trigger: trainer.Trigger, records: int, seconds: float, reason: str | None) -> None:
    assert trigger.due(Waiting(records, seconds)) == reason


@pytest.mark.parametrize("trigger", {repr(case[0]): case[0] for case in CASES}.values())
def test_conforms(trigger: trainer.Trigger) -> None:
    trainer.check_trigger(trigger)


def test_check_finds_a_trigger_that_forgets() -> None:
    class Exactly:
        def due(self, waiting: Waiting) -> str | None:
            return "just right" if waiting.records == 100 else None

    with pytest.raises(AssertionError, match="to stay due"):
        trainer.check_trigger(Exactly())


def test_check_finds_a_trigger_without_records() -> None:
    class Always:
        def due(self, waiting: Waiting) -> str | None:
            return "always"

    with pytest.raises(AssertionError, match="not due without a record"):
        trainer.check_trigger(Always())


@pytest.mark.parametrize(
    "make",
    [
        lambda: RecordsTrigger(0),
        lambda: SecondsTrigger(0.0),
        lambda: SecondsTrigger(float("nan")),
        lambda: AnyTrigger(()),
        lambda: AnyTrigger.of(),
    ],
)
def test_out_of_range(make: object) -> None:
    with pytest.raises(trainer.SettingsError, match=r"trigger\."):
        make()
