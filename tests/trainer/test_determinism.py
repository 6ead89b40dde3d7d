"""The same checkpoint and data give the same bits, wherever and whenever they are trained."""

import json
import os
import subprocess
import sys
from pathlib import Path

import keras
import numpy as np
import pytest
import tensorflow as tf
from conftest import make_data, make_dataset, make_inputs
from fresh_round import KINDS, make_learner, train_round

import trainer

ROOT = Path(__file__).parents[2]
LAST = 3


@pytest.fixture(scope="module")
def learners() -> dict[str, trainer.Learner]:
    """One of each kind; a test loads the checkpoint that it begins from."""
    return {kind: make_learner(kind, seed=7) for kind in KINDS}


@pytest.fixture(scope="module")
def trained(
    learners: dict[str, trainer.Learner], tmp_path_factory: pytest.TempPathFactory
) -> tuple[Path, dict[str, str]]:
    """Per kind a learner trained for rounds 1 to LAST: the checkpoint before LAST, the digest."""
    folder = tmp_path_factory.mktemp("rounds")
    digests = {}
    for kind, learner in learners.items():
        for number in range(1, LAST):
            train_round(learner, number)
        trainer.save(learner.model, folder / f"{kind}.npz")
        train_round(learner, LAST)
        digests[kind] = trainer.digest(learner.model)
    return folder, digests


def test_fresh_process_trains_the_same_bits(trained: tuple[Path, dict[str, str]]) -> None:
    folder, digests = trained
    script = Path(__file__).with_name("fresh_round.py")
    cuda = {n: v for n, v in os.environ.items() if n in ("CUDA_VISIBLE_DEVICES", "LD_LIBRARY_PATH")}
    done = subprocess.run(
        [sys.executable, str(script), str(folder), str(LAST)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin", "TF_CPP_MIN_LOG_LEVEL": "3", **cuda},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == digests


@pytest.mark.parametrize("kind", KINDS)
def test_round_after_troubled_rounds_trains_the_same_bits(
    trained: tuple[Path, dict[str, str]], kind: str
) -> None:
    folder, digests = trained
    learner = make_learner(kind, seed=8)
    poisoned, steps = make_dataset(make_data(300), 2)
    poisoned = poisoned.map(lambda x, y: ({**x, "amount": x["amount"] * np.nan}, y))
    assert learner.train(poisoned, steps, settings=trainer.TrainSettings(epochs=2)).diverged
    stops = iter([False, True])
    dataset, steps = make_dataset(make_data(3000), 3)
    settings = trainer.TrainSettings(epochs=3, monitor="loss")
    with pytest.raises(trainer.TrainingAborted):
        learner.train(dataset, steps, None, settings, should_stop=lambda: next(stops))
    learner.model.evaluate(*make_data(50), verbose=0)
    trainer.load(learner.model, folder / f"{kind}.npz")
    train_round(learner, LAST)
    assert trainer.digest(learner.model) == digests[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_round_seed_decides_draws_from_global_seeds_only(
    learners: dict[str, trainer.Learner], trained: tuple[Path, dict[str, str]], kind: str
) -> None:
    (folder, digests), learner = trained, learners[kind]
    trainer.load(learner.model, folder / f"{kind}.npz")
    train_round(learner, LAST, round_seed=12345)
    same = trainer.digest(learner.model) == digests[kind]
    assert same == (not kind.endswith("noise"))


def test_dropout_seeds_belong_to_the_state(
    learners: dict[str, trainer.Learner], trained: tuple[Path, dict[str, str]]
) -> None:
    (folder, digests), learner = trained, learners["own_seeds"]
    trainer.load(learner.model, folder / "own_seeds.npz")
    seeds = [v for v in learner.model.variables if "seed" in v.path]
    for variable in seeds:
        variable.assign(variable + 1)
    train_round(learner, LAST)
    assert seeds
    assert trainer.digest(learner.model) != digests["own_seeds"]


def test_same_seed_builds_the_same_first_weights(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(
        "import keras\n"
        "def build():\n"
        "    x = keras.Input((1,), name='a')\n"
        "    y = keras.layers.Dense(4)(keras.layers.Dropout(0.5)(x))\n"
        "    m = keras.Model({'a': x}, keras.layers.Dense(1)(y))\n"
        "    m.compile('adam', 'mse')\n"
        "    return m\n"
    )
    first, second, other = (
        trainer.digest(trainer.build_model("model:build", tmp_path, seed=seed))
        for seed in (3, 3, 4)
    )
    assert first == second != other


class HiddenGenerator(keras.layers.Layer):
    def __init__(self) -> None:
        super().__init__()
        self.generator = tf.random.Generator.from_seed(1)

    def call(self, inputs: tf.Tensor) -> tf.Tensor:
        return inputs + self.generator.normal(tf.shape(inputs))


def test_state_that_no_checkpoint_holds_is_refused() -> None:
    inputs = make_inputs()
    hidden = HiddenGenerator()(keras.layers.Concatenate()([inputs["amount"], inputs["hour"]]))
    model = keras.Model(inputs, keras.layers.Dense(1)(hidden))
    model.compile("adam", "mse")
    dataset, steps = make_dataset(make_data(100), 1)
    with pytest.raises(trainer.ModelError, match=r"does not track.*SeedGenerator"):
        trainer.Learner(model).train(dataset, steps)
