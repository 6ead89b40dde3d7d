import os
import pickle
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import trainer
from trainer import RiverBaseline, dump_river, load_river, make_river

MODELS = [
    ("logistic_regression", "binary"),
    ("logistic_regression", "multiclass"),
    ("linear_regression", "regression"),
    ("hoeffding_tree", "binary"),
    ("hoeffding_tree", "regression"),
    ("adaptive_random_forest", "multiclass"),
    ("adaptive_random_forest", "regression"),
]
CLASSES = {"binary": 2, "multiclass": 3, "regression": 1}
Stream = tuple[dict[str, np.ndarray], np.ndarray]


def stream(task: str, rows: int, seed: int = 0) -> Stream:
    """What is learned turns round in the middle, so that forests replace trees."""
    random = np.random.default_rng(seed)
    features = {
        "a": random.normal(size=rows).astype(np.float32),
        "pair": random.normal(size=(rows, 2)).astype(np.float32),
        "kind": random.integers(0, 6, rows, np.int32),
        "late": random.integers(0, 2, rows) > 0,
    }
    sign = np.where(np.arange(rows) < rows // 2, 1, -1)
    score = sign * features["a"] + features["pair"][:, 1] + (features["kind"] > 3)
    labels = {
        "binary": score > 0.5,
        "multiclass": np.digitize(score, [0, 1]),
        "regression": score.astype(np.float32),
    }
    return features, labels[task]


def make(spec: str, task: str) -> RiverBaseline:
    return RiverBaseline(make_river(spec, task, seed=3), task, categories={"kind"})


def part(given: Stream, start: int, end: int) -> Stream:
    return {name: column[start:end] for name, column in given[0].items()}, given[1][start:end]


def replayed(baseline: RiverBaseline, given: Stream, *, stored: bool = False) -> np.ndarray:
    """Test, then train, in four rounds."""
    size, found = len(given[1]) // 4, []
    for number in range(4):
        features, labels = part(given, number * size, (number + 1) * size)
        found.append(baseline.predict(features, CLASSES[baseline.task]))
        baseline.learn(features, labels)
        if stored:
            baseline.model = load_river(dump_river(baseline.model), "a file")
    return np.concatenate(found)


@pytest.mark.parametrize(("spec", "task"), MODELS)
def test_a_model_that_was_stored_goes_on_bit_for_bit(spec: str, task: str) -> None:
    given = stream(task, 1200)
    whole = replayed(make(spec, task), given)
    stored = replayed(make(spec, task), given, stored=True)
    np.testing.assert_array_equal(whole, stored)
    assert trainer.score(task, given[1], whole)
    assert len(np.unique(whole[-300:], axis=0)) > 10


@pytest.mark.parametrize("task", ["binary", "multiclass"])
def test_one_that_knows_nothing_has_no_opinion(task: str) -> None:
    features, _ = stream(task, 5)
    chances = make("hoeffding_tree", task).predict(features, CLASSES[task])
    assert np.unique(chances).tolist() == [0.5 if task == "binary" else 1 / 3]
    assert make("hoeffding_tree", task).predict(part((features, features["a"]), 0, 0)[0]).size == 0


def test_it_learns_words_and_numbers() -> None:
    features, labels = stream("binary", 2000)
    first = part((features, labels), 0, 900)
    for spec in ("logistic_regression", "hoeffding_tree"):
        baseline = make(spec, "binary")
        baseline.learn(*first)
        scores = trainer.score("binary", first[1], baseline.predict(first[0]))
        assert scores["accuracy"] > 0.75, spec


FOREST = """
import hashlib, random
from river import forest
drawn, model, found = random.Random(0), forest.ARFClassifier(seed=3), []
for number in range(300):
    row = {name: drawn.gauss(0, 1) for name in "abcd"} | {"kind": drawn.choice("pqrst")}
    found.append(sorted(model.predict_proba_one(row).items()))
    model.learn_one(row, int((row["a"] > 0) == (number < 150)))
print(hashlib.sha256(repr(found).encode()).hexdigest())
"""


def test_a_forest_is_the_same_in_every_process() -> None:
    """Texts have another hash in each process, which no order may depend on."""
    digests = {
        subprocess.run(
            [sys.executable, "-c", FOREST],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1


class Evil:
    def __reduce__(self) -> tuple:
        return os.system, ("touch it-ran",)


def test_bytes_that_name_anything_else_are_refused(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    foreign = [Evil(), print, np.zeros(3), Path("x"), {"model": [Evil()]}]
    for value in foreign:
        with pytest.raises(trainer.CheckpointError, match=r"is no part of a model of river's"):
            load_river(pickle.dumps(value), "rounds/000003/river.pickle")
    for damaged in (b"", b"\x80\x04", dump_river(make("hoeffding_tree", "binary").model)[:-40]):
        with pytest.raises(trainer.CheckpointError, match=r"river\.pickle: expected a model"):
            load_river(damaged, "rounds/000003/river.pickle")
    assert list(tmp_path.iterdir()) == []


def test_a_model_of_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "own.py").write_text(
        "from river import naive_bayes\n\n\ndef build():\n    return naive_bayes.GaussianNB()\n"
        "\n\ndef broken():\n    return object()\n"
    )
    features, labels = stream("binary", 400)
    numbers = {"a": features["a"]}
    own = RiverBaseline(make_river("own:build", "binary", 0, tmp_path), "binary")
    own.learn(numbers, labels)
    assert own.predict(numbers).shape == (400,)
    broken = RiverBaseline(make_river("own:broken", "binary", 0, tmp_path), "binary")
    with pytest.raises(trainer.MetricError, match="no attribute 'predict_proba_one'"):
        broken.predict(numbers)
    with pytest.raises(trainer.MetricError, match="no attribute 'learn_one'"):
        broken.learn(numbers, labels)
