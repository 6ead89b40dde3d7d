"""A function of the user's own as an augmentation."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from ingest.augment.augmentation import Context, TrainingBatch, Transform
from ingest.augment.own_check import check_outcomes, tried
from ingest.augment.parameters import expect
from ingest.errors import AugmentError

if TYPE_CHECKING:
    import tensorflow as tf

__all__ = ["Function", "Own"]

Function = Callable[["dict[str, tf.Tensor]", "tf.Tensor"], "Mapping[str, tf.Tensor]"]
"""(features [b, ...] by name, seed uint64 [b]) -> all the features, changed or not."""


@dataclass(frozen=True)
class Own:
    """Changes the features by a function of the user's.

    The function gets the features of some rows and a number for each row, `seed`, and gives all the
    features back in the same dtypes and shapes. It is made into a graph once a round, so it is
    written with TensorFlow, and what it draws at random is made of the seeds, row by row:

        from ingest.augment import random

        def augment(features, seed):
            noise = random.normal(seed, 0)
            return {**features, "amount": features["amount"] * (1 + 0.1 * noise)}

    `tf.random.stateless_uniform` and the like draw for a whole batch: what they give to a row
    depends on its place. TensorFlow's `log`, `exp`, `pow`, `sin` and `cos` may round the last bit
    by the place, too; `ingest.augment.elementwise` does not.

    Attributes:
        function: takes (features, seed).
        name: of the function, for the texts of errors, such as `model:augment`.

    Raises:
        SettingsError: it is no function of two things.
    """

    function: Function
    name: str = "augment"

    def __post_init__(self) -> None:
        expected = "a function of (features, seed)"
        expect(callable(self.function), self.name, expected, self.function)
        try:
            inspect.signature(self.function).bind({}, None)
        except TypeError:
            expect(False, self.name, expected, self.function)
        except ValueError:  # written in C: it does not tell
            return

    def bind(self, context: Context) -> Transform:
        """See `Augmentation`; the function is tried on a few rows of the round first.

        Raises:
            AugmentError: the function fails, gives other names, dtypes or shapes, or gives a row
                what is not a function of its features and its seed.
        """
        check_outcomes(self.name, self._graph(context), self._graph(context), context)
        shapes = {name: (None, *c.shape[1:]) for name, c in sorted(context.features.items())}

        def transform(batch: TrainingBatch) -> TrainingBatch:
            import tensorflow as tf

            # Not the graph that was tried: TensorFlow never lets go of one that another one calls.
            found = self.function({name: batch.features[name] for name in shapes}, batch.seeds)
            changed = {name: tf.ensure_shape(found[name], shapes[name]) for name in shapes}
            return replace(batch, features={**batch.features, **changed})

        return transform

    def _graph(self, context: Context) -> Callable[[Any, tf.Tensor], dict[str, tf.Tensor]]:
        """The function, traced for any number of rows; its names, dtypes and shapes are right."""
        import tensorflow as tf

        def own(features: dict[str, tf.Tensor], seed: tf.Tensor) -> Any:
            return self.function(dict(features), seed)

        specs = {
            name: tf.TensorSpec((None, *column.shape[1:]), column.dtype)
            for name, column in sorted(context.features.items())
        }
        seeds = tf.TensorSpec((None,), tf.uint64)
        graph = tried(self.name, lambda: tf.function(own).get_concrete_function(specs, seeds))
        outputs = graph.structured_outputs
        if not isinstance(outputs, Mapping):
            raise AugmentError(
                f"{self.name}: expected a dictionary of features, got {type(outputs).__name__};"
                " return {**features, ...}"
            )
        _check_names(self.name, set(specs), set(outputs))
        for name, spec in specs.items():
            _check_spec(self.name, name, spec, outputs[name])
        return graph  # type: ignore[no-any-return]


def _check_names(place: str, expected: set[str], got: set[Any]) -> None:
    missing = ", ".join(sorted(expected - got))
    more = ", ".join(sorted(map(str, got - expected)))
    if missing or more:
        text = " and ".join(
            [f"lost {missing}"] * bool(missing)
            + [f"made {more}, which the schema has not"] * bool(more)
        )
        raise AugmentError(
            f"{place}: expected the same features as it got; it {text}; return {{**features, ...}}"
        )


def _check_spec(place: str, name: str, expected: tf.TensorSpec, got: Any) -> None:
    dtype, shape = getattr(got, "dtype", None), getattr(got, "shape", None)
    if dtype != expected.dtype:
        raise AugmentError(
            f'{place}: feature "{name}": expected {expected.dtype.name}, got'
            f" {getattr(dtype, 'name', type(got).__name__)}; tf.cast it to {expected.dtype.name}"
        )
    if shape is None or not expected.shape.is_compatible_with(shape):
        raise AugmentError(
            f'{place}: feature "{name}": expected the shape {_shown(expected.shape)}, got'
            f" {_shown(shape)}"
        )


def _shown(shape: Any) -> str:
    sizes = shape.as_list() if shape is not None and shape.rank is not None else ["?"]
    return str(["rows" if size is None else size for size in sizes]).replace("'", "")
