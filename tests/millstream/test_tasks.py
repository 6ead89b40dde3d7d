"""Other tasks than the binary one, and a learner that diverges, through the whole service."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from millstream.rounds.store import RoundStore

from .project import Project, create_topic, make_project

MULTICLASS = """
import keras
from keras import layers


def build():
    a = keras.Input((1,), name="a")
    b = keras.Input((1,), name="b")
    x = layers.Dense(16, activation="relu")(layers.Concatenate()([a, b]))
    model = keras.Model([a, b], layers.Dense(3, activation="softmax")(x))
    model.compile(keras.optimizers.Adam(1e-2), "sparse_categorical_crossentropy")
    return model
"""
REGRESSION = """
import keras
from keras import layers


def build():
    a = keras.Input((1,), name="a")
    b = keras.Input((1,), name="b")
    x = layers.Dense(16, activation="relu")(layers.Concatenate()([a, b]))
    model = keras.Model({"a": a, "b": b}, layers.Dense(1)(x))
    model.compile(keras.optimizers.SGD(LEARNING_RATE), "mse")
    return model
"""


def rows(count: int, label: str) -> list[bytes]:
    random = np.random.default_rng(3)
    a, b = random.normal(size=count), random.normal(size=count)
    target = 2.0 * a - b + 0.1 * random.normal(size=count)
    names = np.array(["low", "middle", "high"])[np.digitize(target, [-1.0, 1.0])]
    values = names.tolist() if label == "class" else target.tolist()
    weights = random.uniform(0.5, 2.0, count).tolist()
    columns = zip(a.tolist(), b.tolist(), values, weights, strict=True)
    return [
        json.dumps({"a": x, "b": z, "target": y, "importance": w}).encode()
        for x, z, y, w in columns
    ]


def project(kafka, topic: str, folder: Path, task: str, label: str, model: str) -> Project:
    create_topic(kafka.bootstrap_servers, topic)
    made = make_project(folder, kafka.bootstrap_servers, topic)
    path = made.directory / "millstream.toml"
    text = path.read_text().replace('task = "binary"', f'task = "{task}"')
    text = text.replace('label = { name = "y", type = "bool" }', f'{label}\nweight = "importance"')
    text = text.replace('kind = { type = "category", vocabulary = ["p", "q", "r"] }\n', "")
    path.write_text(text.replace("max_output_difference = 0.2\n", ""))
    (made.directory / "model.py").write_text(model)
    return made


def run(made: Project) -> dict:
    ended = made.command("run", "--stop-when-idle", "0.5")
    assert ended.code == 0, ended.output
    folder = RoundStore(made.state_dir / "rounds").folder(1)
    published = folder.published()
    assert published is not None
    return {"report": folder.report(), **published}


def test_multiclass(kafka, topic: str, tmp_path: Path) -> None:
    label = 'label = { name = "target", type = "category", vocabulary = ["low", "middle", "high"] }'
    made = project(kafka, topic, tmp_path / "p", "multiclass", label, MULTICLASS)
    made.produce(rows(1500, "class"))
    outcome = run(made)
    assert outcome["promoted"], outcome
    assert outcome["scores"]["accuracy"] > 0.7
    assert set(outcome["report"]["prequential"]["no_change"]) == {"accuracy", "log_loss"}
    replayed = made.command("replay", "1")
    assert replayed.code == 0, replayed.output


@pytest.mark.parametrize(("rate", "diverges"), [("1e-2", False), ("1e30", True)])
def test_regression(kafka, topic: str, tmp_path: Path, rate: str, diverges: bool) -> None:
    label = 'label = { name = "target", type = "float32" }'
    model = REGRESSION.replace("LEARNING_RATE", rate)
    made = project(kafka, topic, tmp_path / "p", "regression", label, model)
    made.produce(rows(1500, "number"))
    outcome = run(made)
    if diverges:
        assert outcome["version"] is None
        assert "became nan" in outcome["reason"]
        assert outcome["report"]["counts"]["seen"] == 1500
        store = RoundStore(made.state_dir / "rounds")
        assert store.folder(1).digest() == store.folder(0).digest()
    else:
        assert outcome["promoted"], outcome
        assert outcome["scores"]["r2"] > 0.8
