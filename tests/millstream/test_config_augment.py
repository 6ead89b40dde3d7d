"""[[augment.steps]]: what is accepted, what is told, and what of it belongs to the recipe."""

from __future__ import annotations

from pathlib import Path

import pytest

from ingest.augment.image.flip import Flip
from ingest.augment.own import Own
from millstream.augmenting import make_steps
from millstream.checkup import check_augment
from millstream.config.config import Config, load_config
from millstream.errors import ConfigError
from millstream.pipeline import make_schema
from millstream.recipe import differences, fingerprint, make_recipe

from .test_config import GOOD

FEATURES = """
image = { type = "float32", length = 12 }
sound = { type = "float32", length = 64 }
when = "timestamp"
words = { type = "category", grow = 30 }
tokens = { type = "category", buckets = 5, length = 6 }
far = { type = "float32", min = 100, max = 200 }
"""
OWN = """
import tensorflow as tf


def augment(features, seed):
    return {**features, "amount": features["amount"] * 2}


def centred(features, seed):
    return {**features, "amount": features["amount"] - tf.reduce_mean(features["amount"])}


def lost(features, seed):
    return {"amount": features["amount"]}


constant = 3
"""
ALL = """
[[augment.steps]]
kind = "flip"
feature = "image"
shape = [2, 2, 3]
probability = 0.5
[[augment.steps]]
kind = "time_mask"
feature = "image"
shape = [4, 3]
share = 1
[[augment.steps]]
kind = "white_noise"
feature = "sound"
[[augment.steps]]
kind = "jitter"
feature = "sound"
[[augment.steps]]
kind = "gaussian_noise"
features = ["amount", "far"]
[[augment.steps]]
kind = "category_swap"
[[augment.steps]]
kind = "feature_dropout"
[[augment.steps]]
kind = "token_dropout"
feature = "tokens"
[[augment.steps]]
kind = "smote"
classes = [1]
[[augment.steps]]
kind = "mixup"
[[augment.steps]]
own = "mine:augment"
"""


def load(folder: Path, steps: str = "") -> Config:
    head, tail = GOOD.split("[train]")
    (folder / "mine.py").write_text(OWN)
    (folder / "millstream.toml").write_text(f"{head}{FEATURES}[train]{tail}\n{steps}\n")
    return load_config(folder / "millstream.toml")


def step(text: str) -> str:
    return f"[[augment.steps]]\n{text}"


def test_steps_of_every_kind_fit_made_up_rows(tmp_path: Path) -> None:
    config = load(tmp_path, ALL)
    steps = make_steps(config, make_schema(config))
    assert len(steps) == 11
    assert steps[0].augmentation == Flip("image", shape=(2, 2, 3))
    assert [s.probability for s in steps] == [0.5] + [1.0] * 10
    assert isinstance(steps[-1].augmentation, Own)
    assert check_augment(config).startswith("flip, time_mask, white_noise")
    assert check_augment(config).endswith("mixup, mine:augment: they fit the schema")
    assert check_augment(load(tmp_path)) == "no steps"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", 'augment.steps.0: expected "kind" or "own", one of them; see docs/augmentation.md'),
        ('kind = "flip"\nown = "mine:augment"', 'augment.steps.0: expected "kind" or "own", one'),
        ('kind = "flp"', 'augment.steps.0: unknown kind "flp"; did you mean "flip"?'),
        ('kind = "flip"', "augment.steps.0: flip.feature: missing; it has no default"),
        (
            'kind = "flip"\nfeature = "image"\ndrection = "both"',
            'augment.steps.0: flip.drection: unknown parameter; did you mean "direction"?',
        ),
        (
            'kind = "mixup"\nalpha = "high"',
            "augment.steps.0: mixup.alpha: expected a number, got 'high'",
        ),
        ('kind = "mixup"\nprobability = 1.5', "augment.steps.0.probability: input should be less"),
        ('kind = ["mixup"]', "augment.steps.0.kind: input should be a valid string"),
        ('own = "mine:augment"\nrate = 2', 'your own gets no parameters; remove "rate"'),
    ],
)
def test_what_is_wrong_is_told(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, step(text))
    assert expected in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('kind = "flip"\nfeature = "picture"', 'augment.steps.0: flip: there is no feature "pic'),
        ('kind = "flip"\nfeature = "image"', "say what a row is: shape = [height, width"),
        ('kind = "flip"\nfeature = "image"\nshape = [5, 5]', "change augment.flip.shape"),
        ('kind = "white_noise"\nfeature = "amount"', "augment.steps.0: white_noise: feature"),
        ('kind = "smote"\nclasses = ["fraud"]', "augment.steps.0: smote.classes: label"),
        ('own = "mine:missing"', "augment.steps.0.own: "),
        ('own = "other:augment"', "augment.steps.0.own: "),
        ('own = "mine"', "augment.steps.0.own: "),
        ('own = "mine:constant"', "augment.steps.0.own: "),
        ('own = "mine:centred"', "augment.steps.0: mine:centred: feature"),
        ('own = "mine:lost"', "augment.steps.0: mine:lost: expected the same features"),
    ],
)
def test_what_does_not_fit_the_schema_is_told_before_anything_starts(
    tmp_path: Path, text: str, expected: str
) -> None:
    config = load(tmp_path, step(text))
    with pytest.raises(ConfigError) as caught:
        make_steps(config, make_schema(config))
    assert expected in str(caught.value)
    assert caught.value.exit_code == 2


def test_a_label_that_is_a_number_may_be_a_class(tmp_path: Path) -> None:
    load(tmp_path, step('kind = "smote"'))
    path = tmp_path / "millstream.toml"
    text = path.read_text().replace('type = "bool" }', 'type = "float32" }')
    path.write_text(text)
    config = load_config(path)
    assert len(make_steps(config, make_schema(config))) == 1
    path.write_text(text.replace('task = "binary"', 'task = "regression"'))
    config = load_config(path)
    with pytest.raises(ConfigError, match="leave this step out of a regression"):
        make_steps(config, make_schema(config))


def test_recipes_without_steps_are_what_they_were(tmp_path: Path) -> None:
    assert "augment" not in make_recipe(load(tmp_path), "model")
    empty = load(tmp_path, "[augment]\nsteps = []")
    assert make_recipe(empty, "model") == make_recipe(load(tmp_path), "model")


def test_recipes_tell_the_steps_as_they_were_written(tmp_path: Path) -> None:
    text = step('kind = "mixup"\nalpha = 0.4') + "\n" + step('own = "mine:augment"')
    base = make_recipe(load(tmp_path, text), "model")
    mixup, own = base["augment"]["steps"]
    assert mixup == {"kind": "mixup", "alpha": 0.4}
    assert own.keys() == {"own", "source"}
    assert fingerprint(make_recipe(load(tmp_path, text), "model")) == fingerprint(base)
    other = make_recipe(load(tmp_path, text.replace("0.4", "0.5")), "model")
    assert [line.split(":")[0] for line in differences(base, other)] == ["augment.steps"]
    config = load(tmp_path, text)
    (tmp_path / "mine.py").write_text(OWN.replace("* 2", "* 3"))
    assert make_recipe(config, "model")["augment"]["steps"][1]["source"] != own["source"]
