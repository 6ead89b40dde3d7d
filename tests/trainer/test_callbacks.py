"""The user's callbacks: run in a round, their state kept over rounds, their errors told."""

import random
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
from conftest import Data, make_data, make_dataset, make_model

import trainer
from trainer import CallbackMaker, TrainSettings
from trainer.fit.callbacks import RoundCallbacks, runs_on, wants_each_batch

Callback = keras.callbacks.Callback


class Counting(Callback):
    """Halves the learning rate at each third epoch of its life."""

    def __init__(self) -> None:
        super().__init__()
        self.epochs = 0

    def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
        self.epochs += 1
        if self.epochs % 3 == 0:
            rate = self.model.optimizer.learning_rate
            self.model.optimizer.learning_rate = float(rate.numpy()) / 2
        logs["rate"] = float(self.model.optimizer.learning_rate.numpy())

    def get_state(self) -> dict[str, int]:
        return {"epochs": self.epochs}

    def set_state(self, state: Mapping[str, int]) -> None:
        self.epochs = state["epochs"]


def plateau() -> Callback:
    return keras.callbacks.ReduceLROnPlateau("loss", factor=0.5, patience=3, min_delta=10.0)


def make_learner(make: object, seed: int = 7) -> trainer.Learner:
    keras.utils.set_random_seed(seed)
    model = make_model(keras.optimizers.Adam(0.01), run_eagerly=True)
    return trainer.Learner(model, 1, callbacks=make)


def train(learner: trainer.Learner, number: int, epochs: int = 2) -> trainer.TrainReport:
    dataset, steps = make_dataset(make_data(300, seed=number), epochs, batch=300)
    settings = TrainSettings(epochs, unmonitored_epochs=epochs)
    return learner.train(dataset, steps, None, settings, round_seed=number)


@pytest.mark.parametrize("make", [lambda: [Counting()], lambda: [plateau()]], ids=["own", "keras"])
def test_state_and_rate_go_on_in_a_fresh_learner_bit_for_bit(make: object, tmp_path: Path) -> None:
    unbroken = make_learner(make)
    train(unbroken, 0)
    saved = trainer.save(unbroken.model, tmp_path / "model.npz")
    for number in (1, 2):
        train(unbroken, number)
    second = make_learner(make, seed=8)
    assert trainer.load(second.model, tmp_path / "model.npz") == saved
    assert trainer.digest(second.model) == trainer.digest(tmp_path / "model.npz") == saved
    for number in (1, 2):
        train(second, number)
    assert trainer.digest(second.model) == trainer.digest(unbroken.model)
    assert float(second.model.optimizer.learning_rate.numpy()) < 0.01


class Drawing(Callback):
    """Lets chance decide, when it is made and later."""

    def __init__(self) -> None:
        super().__init__()
        self.first = random.random()

    def on_epoch_begin(self, epoch: int, logs: Any = None) -> None:
        drawn = float(np.random.random()) + float(keras.random.uniform(()))
        self.model.optimizer.learning_rate = 0.01 * (self.first + drawn)


def test_what_a_callback_draws_is_drawn_again_in_a_replay() -> None:
    found = set()
    for _ in range(2):
        learner = make_learner(lambda: [Drawing()])
        random.seed()
        np.random.seed()
        train(learner, 3)
        found.add(trainer.digest(learner.model))
    assert len(found) == 1


def test_a_callback_that_exits_is_told_as_one_that_raises() -> None:
    class Exits(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            sys.exit(0)

    learner = make_learner(lambda: [Exits()])
    before = trainer.digest(learner.model)
    with pytest.raises(trainer.CallbackError, match=r"Exits.on_epoch_end to run, got SystemExit"):
        train(learner, 0)
    assert trainer.digest(learner.model) == before


def test_what_a_callback_logs_is_in_the_history() -> None:
    report = train(make_learner(lambda: [Counting()]), 0, epochs=4)
    assert report.history["rate"] == pytest.approx((0.01, 0.01, 0.005, 0.005))


def test_a_callback_may_end_a_round() -> None:
    class Stop(Callback):
        def on_epoch_end(self, epoch: int, logs: Any = None) -> None:
            self.model.stop_training = epoch == 1

    report = train(make_learner(lambda: [Stop()]), 0, epochs=4)
    assert (report.epochs, report.stopped_early) == (2, True)


def test_hooks_for_batches_are_called_as_run_on_says(data: Data) -> None:
    def seen(run_on: str) -> list[int]:
        calls: list[int] = []

        class Look(Callback):
            def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
                calls.append(batch)

        Look.run_on = run_on
        dataset, steps = make_dataset(data, 1, batch=16)
        learner = trainer.Learner(make_model(), callbacks=lambda: [Look()])
        learner.train(dataset, steps, None, TrainSettings(1))
        assert steps == 32
        return calls

    assert seen("all") == list(range(32))
    assert seen("chief") == [15, 31]


def test_where_callbacks_run() -> None:
    class Odd(Callback):
        run_on = "some"

    where = {
        plateau(): "all",
        Counting(): "all",
        keras.callbacks.LearningRateScheduler(lambda epoch: 0.1): "all",
        keras.callbacks.CSVLogger("a.csv"): "chief",
        keras.callbacks.ModelCheckpoint("a.keras"): "chief",
    }
    assert {callback: runs_on(callback) for callback in where} == where
    assert not wants_each_batch([plateau(), keras.callbacks.ModelCheckpoint("a.keras")])
    with pytest.raises(trainer.ModelError, match='run_on: expected "chief" or "all", got \'some\''):
        runs_on(Odd())


def broken(folder: Path, hook: str) -> CallbackMaker:
    lines = ["import keras", "class Broken(keras.callbacks.Callback):"]
    lines += [f"    def {hook}(self, *_):", "        1 / 0", "def make():", "    return Broken()"]
    (folder / "own.py").write_text("\n".join(lines))
    return trainer.load_callbacks(["own:make"], folder)


def test_an_error_leaves_the_model_alone(tmp_path: Path, data: Data) -> None:
    learner = make_learner(broken(tmp_path, "on_test_end"))
    before = trainer.digest(learner.model)
    dataset, steps = make_dataset(data, 2)
    with pytest.raises(trainer.CallbackError, match=r"Broken.on_test_end to run, got Zero"):
        learner.train(dataset, steps, (*make_data(50), None), TrainSettings(2))
    assert trainer.digest(learner.model) == before


@pytest.mark.parametrize(
    "hook",
    [f"on_{what}_{when}" for what in ("train", "epoch", "test") for when in ("begin", "end")]
    + [f"on_{what}_batch_{when}" for what in ("train", "test") for when in ("begin", "end")],
)
def test_errors_of_every_hook_name_the_line(hook: str, tmp_path: Path) -> None:
    own = RoundCallbacks(broken(tmp_path, hook)(), "")
    given = () if hook.split("_")[1] in {"train", "test"} and "batch" not in hook else (0,)
    with pytest.raises(trainer.CallbackError) as caught:
        getattr(own, hook)(*given)
    wanted = f"{tmp_path / 'own.py'}:4: expected Broken.{hook} to run, got ZeroDivisionError"
    assert wanted in str(caught.value)


@pytest.mark.parametrize(
    ("source", "text"),
    [
        (
            "def make():\n    return 3",
            "expected a keras.callbacks.Callback, or a list of them, got int",
        ),
        ("def make():\n    return [None]", "got NoneType"),
        (
            "import keras\nONE = keras.callbacks.History()\ndef make():\n    return ONE",
            "callback History: expected one that is made anew each time",
        ),
        ("def make():\n    raise OSError('disk')", "make() to return callbacks, got OSError: disk"),
        ("def mak():\n    return []", 'did you mean "mak"?'),
        (
            "import keras\nclass Kept(keras.callbacks.Callback):\n    run_on = 'chief'\n"
            "    def get_state(self): return 1\n    def set_state(self, state): pass\n"
            "def make():\n    return Kept()",
            'run_on = "all" of a callback with a state',
        ),
    ],
)
def test_files_that_make_no_callbacks_are_refused(source: str, text: str, tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(source)
    with pytest.raises(trainer.ModelError) as caught:
        trainer.load_callbacks(["own:make"], tmp_path)
    assert text in str(caught.value)


def test_callbacks_are_made_anew_for_each_round_with_modules_beside_them(tmp_path: Path) -> None:
    (tmp_path / "counted.py").write_text("import keras\nclass One(keras.callbacks.Callback): pass")
    (tmp_path / "own.py").write_text(
        "import keras\ndef one():\n    from counted import One\n    return One()\n"
        "def two():\n    return [keras.callbacks.Callback(), keras.callbacks.Callback()]"
    )
    make = trainer.load_callbacks(["own:one", "own:two"], tmp_path)
    first, second = make(), make()
    assert [type(each).__name__ for each in first] == ["One", "Callback", "Callback"]
    assert not {id(each) for each in first} & {id(each) for each in second}


def test_states_go_by_name_whatever_else_there_is() -> None:
    def state_of(callbacks: Sequence[Callback], state: str) -> str:
        own = RoundCallbacks(callbacks, state)
        own.on_train_begin()
        return own.state()

    two = [Counting(), Counting()]
    two[0].epochs, two[1].epochs = 4, 5
    saved = RoundCallbacks(two, "").state()
    assert saved == (
        '[{"callback":"Counting","state":{"epochs":4}},'
        '{"callback":"Counting 2","state":{"epochs":5}}]'
    )
    assert state_of([plateau(), Counting(), Callback(), Counting()], saved).endswith(saved[1:])
    assert state_of([Counting()], saved) == '[{"callback":"Counting","state":{"epochs":4}}]'
    assert state_of([Callback()], saved) == ""


def test_a_state_that_is_no_json_is_refused() -> None:
    class Odd(Counting):
        def get_state(self) -> object:
            return {"epochs": np.float32(1)}

    with pytest.raises(trainer.CallbackError, match=r"Odd.get_state to run, got TypeError"):
        train(make_learner(lambda: [Odd()]), 0)
