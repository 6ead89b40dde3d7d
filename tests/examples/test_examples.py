"""The examples run in a short form, and show in it what they are made to show."""

import matplotlib.image
import numpy as np
import pytest

import examples.drift.__main__ as drift
import examples.forgetting.__main__ as forgetting
import examples.imbalanced.__main__ as imbalanced
from examples.drift.run import Setting as Drift
from examples.forgetting.run import Setting as Forgetting
from examples.forgetting.stream import digits_by_class
from examples.imbalanced.run import Setting as Imbalanced

pytestmark = pytest.mark.long


def is_a_figure(path):
    pixels = matplotlib.image.imread(path)
    return pixels.shape[0] > 300 and pixels.std() > 0.02


@pytest.mark.slow
def test_recent_beats_uniform_after_a_drift(tmp_path, capsys):
    path = tmp_path / "drift.png"
    arguments = ["--seeds", "2", "--figure", str(path)]
    curves = drift.main(arguments, Drift(rounds=9, drift_at=5))
    after = {name: curve[:, 6:].mean() for name, curve in curves.items()}
    assert after["recent history"] > after["uniform history"]
    assert "recent history above uniform history" in capsys.readouterr().out
    assert is_a_figure(path)


@pytest.mark.slow
def test_balanced_lifts_average_precision(tmp_path, capsys):
    path = tmp_path / "imbalanced.png"
    arguments = ["--seeds", "2", "--figure", str(path)]
    curves = imbalanced.main(arguments, Imbalanced(rounds=5), flights=140_000)
    assert curves["balanced"].mean() > curves["uniform"].mean()
    assert "140,000 flights" in capsys.readouterr().out
    assert is_a_figure(path)


@pytest.mark.slow
def test_history_and_augmentation_keep_from_forgetting(tmp_path, capsys):
    path = tmp_path / "forgetting.png"
    arguments = ["--seeds", "2", "--figure", str(path)]
    curves = forgetting.main(arguments, Forgetting(classes=4, epochs=10), per_class=100)
    last = {name: curve[:, -1].mean() for name, curve in curves.items()}
    assert last["none"] < 0.45
    assert last["history"] > last["none"] + 0.2
    assert last["history + augmentation"] > last["augmentation"] + 0.2
    assert "after the last class" in capsys.readouterr().out
    assert is_a_figure(path)


def test_no_digit_is_learned_and_tested_on():
    digits = digits_by_class(seed=1, per_class=50)
    for learned, tested in zip(digits.learned, digits.tested, strict=True):
        images = np.concatenate([learned.columns["image"], tested.columns["image"]])
        assert len(np.unique(images, axis=0)) == len(images) == 50
        both = np.concatenate([learned.offset, tested.offset])
        assert len(np.unique(both)) == 50
