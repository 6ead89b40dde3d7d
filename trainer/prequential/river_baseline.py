"""A model of river's beside the learner: what learning a record at a time comes to.

River [Montiel et al., "River: machine learning for streaming data in Python", 2021] takes one
record after the other, as a dict; numbers are floats, categories are texts.
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from trainer.errors import MetricError, one_line
from trainer.metrics import Task
from trainer.models.model import call_beside, load_builder, source_path

__all__ = ["RiverBaseline", "make_river"]


class RiverBaseline:
    """One model of river's, tested and trained on columns.

    Guarantee: a function of the model's state and of the rows in their order.

    Args:
        model: Of river's; it is changed by `learn`.
        task: "binary", "multiclass" or "regression".
        categories: Which features are codes of categories; they become texts.
    """

    def __init__(self, model: Any, task: Task, categories: Collection[str] = ()) -> None:
        self.model = model
        self.task: Task = task
        self._categories = frozenset(categories)

    def predict(self, features: Mapping[str, np.ndarray], classes: int = 2) -> np.ndarray:
        """Return predictions as `score` takes them, float64 [n] or [n, classes].

        A classifier that has no opinion yet gives all classes the same chance.

        Args:
            features: Arrays [n] or [n, k] by name.
            classes: How many there are (multiclass).

        Raises:
            MetricError: The model raises.
        """
        try:
            found = [self._predict_one(row, classes) for row in self._rows(features)]
        except Exception as error:
            raise _failed(error) from error
        if self.task == "multiclass":
            return np.array(found, np.float64).reshape(len(found), classes)
        return np.array(found, np.float64)

    def learn(self, features: Mapping[str, np.ndarray], labels: np.ndarray) -> None:
        """Learn rows, one after the other.

        Raises:
            MetricError: The model raises.
        """
        kind = float if self.task == "regression" else int
        targets = [kind(label) for label in np.asarray(labels).tolist()]
        try:
            for row, target in zip(self._rows(features), targets, strict=True):
                self.model.learn_one(row, target)
        except Exception as error:
            raise _failed(error) from error

    def _predict_one(self, row: dict[str, float | str], classes: int) -> float | list[float]:
        if self.task == "regression":
            return float(self.model.predict_one(row) or 0.0)
        chances = self.model.predict_proba_one(row)
        given = [float(chances.get(number, 0.0)) for number in range(classes)]
        total = sum(given)
        if not np.isfinite(total) or total <= 0:
            given, total = [1.0] * classes, float(classes)
        return given[1] / total if self.task == "binary" else [part / total for part in given]

    def _rows(self, features: Mapping[str, np.ndarray]) -> Iterator[dict[str, float | str]]:
        names: list[str] = []
        columns: list[Sequence[float | str]] = []
        for name, column in features.items():
            kind = str if name in self._categories else np.float64
            for place, values in _flat(name, np.asarray(column)):
                names.append(place)
                columns.append(values.astype(kind).tolist())
        for cells in zip(*columns, strict=True):
            yield dict(zip(names, cells, strict=True))


def make_river(spec: str, task: Task, seed: int, directory: Path = Path()) -> Any:
    """Return a model of river's that has seen nothing.

    Args:
        spec: "logistic_regression", "linear_regression", "hoeffding_tree",
            "adaptive_random_forest", each with river's defaults (linear models: numbers scaled,
            categories one-hot), or `module:function` of the user's.
        task: "binary", "multiclass" or "regression".
        seed: Of the forest.
        directory: Where the user's module lies.

    Raises:
        ModelError: The user's function cannot be found or called.
    """
    if ":" in spec:
        function = load_builder(spec, directory)
        return call_beside(source_path(spec, directory), function, "a model of river's")
    from river import forest, linear_model, multiclass, tree

    if spec == "linear_regression":
        return _encoded() | linear_model.LinearRegression()
    if spec == "logistic_regression":
        linear = linear_model.LogisticRegression()
        return _encoded() | (
            multiclass.OneVsRestClassifier(linear) if task == "multiclass" else linear
        )
    regressing = task == "regression"
    if spec == "hoeffding_tree":
        if regressing:
            return _encoded() | tree.HoeffdingTreeRegressor()
        return tree.HoeffdingTreeClassifier()
    if regressing:
        return _encoded() | forest.ARFRegressor(seed=seed)
    return forest.ARFClassifier(seed=seed)


def _encoded() -> Any:
    """Scaled numbers and one-hot categories, which linear models and leaves need."""
    from river import compose, preprocessing

    numbers = compose.SelectType(float) | preprocessing.StandardScaler()
    return numbers + (compose.SelectType(str) | preprocessing.OneHotEncoder())


def _flat(name: str, column: np.ndarray) -> Iterator[tuple[str, np.ndarray]]:
    """A column of lists as several columns."""
    if column.ndim == 1:
        yield name, column
        return
    for place in np.ndindex(column.shape[1:]):
        yield f"{name}{list(place)}", column[:, *place]


def _failed(error: Exception) -> MetricError:
    return MetricError(
        "prequential.river",
        expected="a model that takes the records",
        got=one_line(f"{type(error).__name__}: {error}"),
        mend="choose another one",
    )
