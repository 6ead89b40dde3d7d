import math

import pytest

import trainer
from trainer import TrainSettings


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"epochs": 0}, "train.epochs: expected at least 1, got 0"),
        ({"patience": -1}, "train.patience: expected at least 0, got -1"),
        ({"min_delta": -0.1}, "train.min_delta: expected a number of at least 0, got -0.1"),
        ({"min_delta": math.nan}, "train.min_delta"),
        ({"monitor": ""}, "train.monitor: expected the name of a metric, got ''"),
        ({"mode": "best"}, "train.mode: expected auto, min or max, got 'best'"),
        ({"unmonitored_epochs": 0}, "train.unmonitored_epochs: expected at least 1, got 0"),
    ],
)
def test_settings_out_of_range_are_refused(changes: dict[str, object], text: str) -> None:
    with pytest.raises(trainer.SettingsError) as caught:
        TrainSettings(**changes)
    assert text in str(caught.value)
