"""Augmentation in the rounds of a service: it changes what is learned, and a replay repeats it."""

from __future__ import annotations

import json
import threading
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from millstream.config.config import load_config
from millstream.errors import ReplayError
from millstream.local import open_registry
from millstream.pipeline import open_pipeline
from millstream.replay.replay import replay_round
from millstream.rounds.store import RoundStore
from millstream.service import RunOptions, run_service
from millstream.watch.board import Board

from .project import MODEL, Project, create_topic, make_project, make_rows
from .test_cli import check_error, millstream

STEPS = """
[[augment.steps]]
kind = "flip"
feature = "image"
shape = [4, 4, 3]
probability = 0.5
[[augment.steps]]
kind = "brightness"
feature = "image"
shape = [4, 4, 3]
[[augment.steps]]
kind = "gaussian_noise"
features = ["a", "b"]
scale = 0.2
probability = 0.8
[[augment.steps]]
kind = "mixup"
alpha = 0.4
probability = 0.5
[[augment.steps]]
own = "mine:augment"
"""
OWN = """
from ingest.augment import random


def augment(features, seed):
    return {**features, "a": features["a"] * random.uniform(seed, 0, (), 0.9, 1.1)}
"""


def add_steps(project: Project) -> None:
    """Records get an image, which the model looks at, the steps above, and a history."""
    path = project.directory / "millstream.toml"
    features = '[schema.features]\nimage = { type = "float32", length = 48 }'
    text = path.read_text().replace("[schema.features]", features)
    path.write_text(f"{text}\n[history]\nrows = 200\n{STEPS}")
    model = MODEL.replace("Concatenate()([a, b, ", "Concatenate()([a, b, image, ")
    model = model.replace('{"a": a,', '{"image": image, "a": a,')
    model = model.replace(
        "    x = layers.Conc",
        '    image = keras.Input((48,), name="image")\n    x = layers.Conc',
        1,
    )
    (project.directory / "model.py").write_text(model)
    (project.directory / "mine.py").write_text(OWN)


def with_images(rows: list[bytes], seed: int) -> list[bytes]:
    pixels = np.random.default_rng(seed).random((len(rows), 48)).round(3).tolist()
    return [
        json.dumps({**json.loads(row), "image": image}).encode()
        for row, image in zip(rows, pixels, strict=True)
    ]


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_augmented_rounds_are_replayed_bit_for_bit(kafka, topic: str, tmp_path: Path) -> None:
    project = make_project(tmp_path / "p", kafka.bootstrap_servers, topic, epochs=3)
    add_steps(project)
    create_topic(kafka.bootstrap_servers, topic)
    config = load_config(project.directory / "millstream.toml")
    for part in range(2):
        project.produce(with_images(make_rows(500, seed=part), part))
        options, board = RunOptions(stop_when_idle_s=1.0), Board(tmp_path / "status.json")
        run_service(config, options, board, threading.Event())
    folders = RoundStore(project.state_dir / "rounds").complete()
    assert [folder.number for folder in folders] == [0, 1, 2]
    assert folders[2].plan().history_rows > 0
    assert [folder.report()["training"]["diverged"] for folder in folders[1:]] == [None, None]
    pipeline = open_pipeline(config, open_registry(config), Board(tmp_path / "r.json"))
    for number in (1, 2):
        assert replay_round(pipeline, project.servers, number).identical, number
    # The steps do what they are there for: without one of them other weights come out.
    for gone in range(len(pipeline.steps)):
        others = pipeline.steps[:gone] + pipeline.steps[gone + 1 :]
        less = replace(pipeline, steps=others)
        assert not replay_round(less, project.servers, 2).identical, gone
    path = project.directory / "millstream.toml"
    path.write_text(path.read_text().replace("alpha = 0.4", "alpha = 0.5"))
    config = load_config(path)
    pipeline = open_pipeline(config, open_registry(config), Board(tmp_path / "r.json"))
    with pytest.raises(ReplayError, match=r"restore them first: augment\.steps: "):
        replay_round(pipeline, project.servers, 2)


def test_steps_that_do_not_fit_end_before_anything_starts(tmp_path: Path) -> None:
    project = make_project(tmp_path, "127.0.0.1:1", "t")
    path = project.directory / "millstream.toml"
    path.write_text(path.read_text() + '[[augment.steps]]\nkind = "flip"\nfeature = "picture"\n')
    for command in ("run", "preview"):
        check_error(
            millstream(command, cwd=tmp_path),
            2,
            'augment.steps.0: flip: there is no feature "picture"',
        )
