"""[train]: what a round does with the user's model, in a service and in its replays."""

from __future__ import annotations

import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

import trainer
from ingest import Position
from millstream.cli.app import exit_code
from millstream.config.config import Config, load_config
from millstream.drift.reaction import Reaction
from millstream.errors import ConfigError, ReplayError
from millstream.fitting import make_model, make_options, tell, train_settings
from millstream.local import open_registry
from millstream.pipeline import open_pipeline
from millstream.recipe import differences, make_recipe
from millstream.replay.replay import replay_round
from millstream.rounds.plan import Plan
from millstream.rounds.store import RoundStore
from millstream.service import RunOptions, run_service
from millstream.watch.board import Board

from .project import create_topic, make_project, make_rows
from .test_config import GOOD, write

TUNED = """task = "binary"
start_from = "base.keras"
freeze = "embedding*"
lora_rank = 2
lora_layers = ["dense*"]
precision = "mixed_bfloat16"
global_clip_norm = 1.0
accumulate = 2
warm_up_steps = 4
warm_up = "round"
callbacks = "callbacks:make"
"""
CALLBACKS = """
import keras

def make():
    return keras.callbacks.ReduceLROnPlateau(factor=0.5, patience=3, min_delta=1.0)
"""


def load(tmp_path: Path, text: str = "") -> Config:
    return load_config(write(tmp_path, GOOD.replace('task = "binary"', f'task = "binary"\n{text}')))


def plan(reaction: Reaction | None = None) -> Plan:
    return Plan(1, 0, Position(), Position(), (), 0, "r", "records", 0, reaction=reaction)


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_rounds_of_a_tuned_model_are_replayed_bit_for_bit(
    kafka, topic: str, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "p", kafka.bootstrap_servers, topic, epochs=2)
    path = project.directory / "millstream.toml"
    trainer.build_model("model:build", project.directory, seed=4).save(
        project.directory / "base.keras"
    )
    (project.directory / "callbacks.py").write_text(CALLBACKS)
    text = path.read_text().replace("[trigger]", "[trigger]\nmax_records = 500")
    path.write_text(text.replace('task = "binary"\n', TUNED))
    create_topic(kafka.bootstrap_servers, topic)
    config = load_config(path)
    project.produce(make_rows(1000, seed=1))
    options, board = RunOptions(stop_when_idle_s=0.5), Board(tmp_path / "status.json")
    run_service(config, options, board, threading.Event())
    folders = RoundStore(project.state_dir / "rounds").complete()
    assert [folder.number for folder in folders] == [0, 1, 2]
    reports = [folder.report()["training"] for folder in folders[1:]]
    assert [report["diverged"] for report in reports] == [None, None]
    # The third epoch that is no better than the first is the second one of the second round.
    rates = [rate for report in reports for rate in report["history"]["learning_rate"]]
    assert rates == pytest.approx([0.01, 0.01, 0.01, 0.01])
    assert sum(reports[0]["seconds_by_part"].values()) == pytest.approx(reports[0]["seconds"])
    pipeline = open_pipeline(config, open_registry(config), Board(tmp_path / "r.json"))
    for number in (1, 2):
        assert replay_round(pipeline, project.servers, number).identical, number
    learner = pipeline.learner.model
    assert float(learner.optimizer.learning_rate.numpy()) == pytest.approx(0.005)
    assert folders[2].published()["version"] is not None
    (project.directory / "callbacks.py").write_text(CALLBACKS.replace("0.5", "0.1"))
    pipeline = open_pipeline(config, open_registry(config), Board(tmp_path / "r.json"))
    with pytest.raises(ReplayError, match=r"restore them first: train\.callbacks_source: "):
        replay_round(pipeline, project.servers, 2)


def test_what_is_not_set_is_not_in_the_recipe(tmp_path: Path) -> None:
    base = make_recipe(load(tmp_path), "model")["train"]
    assert set(base) == {
        "model", "task", "batch_size", "epochs", "patience", "min_delta", "monitor", "mode"
    }  # fmt: skip
    elsewhere = load(tmp_path, 'strategy = "single"\nmetric = "log_loss"')
    assert make_recipe(elsewhere, "model")["train"] == base


def test_settings_and_files_are_in_the_recipe(tmp_path: Path) -> None:
    for name in ("one.py", "two.py"):
        (tmp_path / name).write_text("def make():\n    return []\n")
    for name in ("old.keras", "new.keras"):
        (tmp_path / name).write_bytes(name.encode())

    def recipe(text: str) -> dict[str, object]:
        return make_recipe(load(tmp_path, text), "model")

    base = recipe('callbacks = "one:make"\nstart_from = "old.keras"\nfreeze = ["a", "b"]')
    assert base["train"]["freeze"] == ["a", "b"]
    (tmp_path / "moved.keras").write_bytes(b"old.keras")
    moved = recipe('callbacks = ["one:make"]\nstart_from = "moved.keras"\nfreeze = ["a", "b"]')
    assert differences(base, moved) == []
    other = recipe('callbacks = "one:make"\nstart_from = "new.keras"\nfreeze = "a"\nxla = false')
    assert [line.partition(":")[0] for line in differences(base, other)] == [
        "train.freeze",
        "train.start_from",
        "train.xla",
    ]
    (tmp_path / "one.py").write_text("def make():\n    return ()\n")
    changed = recipe('callbacks = "one:make"\nstart_from = "old.keras"\nfreeze = ["a", "b"]')
    assert [line.partition(":")[0] for line in differences(base, changed)] == [
        "train.callbacks_source"
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("clip_norm = 1.0\nclip_value = 0.5", "one way of clipping, got clip_norm and clip_value"),
        ('lora_layers = ["a"]', "lora_layers goes with lora_rank"),
        ("accumulate = 0", "train.accumulate"),
        ('precision = "float16"', "train.precision"),
        ("warm_up_steps = -1", "train.warm_up_steps"),
    ],
)
def test_settings_that_do_not_fit_are_refused(text: str, expected: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=expected):
        load(tmp_path, text)


def test_rounds_warm_up_after_a_drift_or_always(tmp_path: Path) -> None:
    def steps(text: str, reaction: Reaction | None) -> int:
        return train_settings(load(tmp_path, text), plan(reaction)).warm_up_steps

    drift = Reaction("the error rose")
    assert steps("", drift) == 0
    assert steps("warm_up_steps = 9", None) == 0
    assert steps("warm_up_steps = 9", drift) == 9
    assert steps('warm_up_steps = 9\nwarm_up = "round"', None) == 9


def test_xla_is_for_one_worker(tmp_path: Path) -> None:
    project = make_project(tmp_path, "127.0.0.1:1", "t")
    path = project.directory / "millstream.toml"
    path.write_text(
        path.read_text().replace("[train]", '[train]\nxla = true\ndeterminism = "bitwise"')
    )
    with pytest.raises(ConfigError, match=r"train\.xla: the step of several workers"):
        open_pipeline(load_config(path), f"sqlite:///{tmp_path}/m.db", Board(tmp_path / "s.json"))


def test_people_are_told_what_is_trained(tmp_path: Path) -> None:
    project = make_project(tmp_path, "127.0.0.1:1", "t")
    path = project.directory / "millstream.toml"
    path.write_text(path.read_text().replace("[train]", '[train]\nfreeze = "dense*"'))
    config = load_config(path)
    made = trainer.prepare_model("model:build", tmp_path, make_options(config), seed=1)
    told = tell(made)
    assert told.startswith("12 of 2,509 parameters are trained; frozen: dense, dense_1")
    assert tell(replace(made, tuning=None)) == ""
    twice = [make_model(config, 1).get_weights() for _ in range(2)]
    for mine, theirs in zip(*twice, strict=True):
        np.testing.assert_array_equal(mine, theirs)


def test_a_broken_callback_ends_the_service_as_a_broken_model_does() -> None:
    error = trainer.CallbackError("c.py:3", expected="a", got="b", mend="c")
    assert exit_code(error) == 2
