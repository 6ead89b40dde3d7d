"""A run that over-fits stops within patience, and ends with the best weights."""

from typing import Any

import keras
import numpy as np
import pytest
from conftest import Data, make_data, make_dataset, make_model

import trainer
from trainer import TrainSettings


class Kept(keras.callbacks.Callback):
    """The weights after each epoch."""

    def __init__(self) -> None:
        super().__init__()
        self.weights: list[list[np.ndarray]] = []

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.weights.append(self.model.get_weights())


def overfit(settings: TrainSettings) -> tuple[trainer.TrainReport, list[np.ndarray], Kept]:
    """Few rows, a third of them with the wrong label, and a large step."""
    data, kept = make_data(60, seed=3), Kept()
    wrong = np.random.default_rng(1).random(60) < 0.3
    noisy = Data(data.features, np.where(wrong, 1 - data.labels, data.labels))
    keras.utils.set_random_seed(7)
    metrics = [keras.metrics.AUC(name="auc")]
    model = make_model(keras.optimizers.Adam(0.05), metrics=metrics, run_eagerly=True)
    dataset, steps = make_dataset(noisy, settings.epochs, batch=60)
    learner = trainer.Learner(model, callbacks=lambda: [kept])
    report = learner.train(dataset, steps, (*make_data(200, seed=4), None), settings)
    return report, model.get_weights(), kept


@pytest.mark.parametrize(("monitor", "best_of"), [("val_loss", np.argmin), ("val_auc", np.argmax)])
def test_an_overfitting_run_ends_with_the_best_weights(monitor: str, best_of: Any) -> None:
    report, weights, kept = overfit(TrainSettings(epochs=60, patience=3, monitor=monitor))
    seen = report.history[monitor]
    best = int(best_of(seen))
    assert report.stopped_early
    assert report.best_epoch == best + 1
    assert report.epochs == report.best_epoch + 3 < 60
    assert report.history["loss"][-1] < report.history["loss"][best]
    assert seen[-1] != seen[best]
    for mine, theirs in zip(weights, kept.weights[best], strict=True):
        np.testing.assert_array_equal(mine, theirs)
    assert any((a != b).any() for a, b in zip(weights, kept.weights[-1], strict=True))
