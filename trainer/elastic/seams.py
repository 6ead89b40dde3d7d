"""All that the elastic trainer uses of Keras's inside, in one place.

Keras has no public way to these (3.15.1): the parts of a compiled model, gradients that are summed
before they are clipped, losses that are not divided by the number of replicas, and random numbers
for rows that other workers have. Everything that is replaced is replaced while a function is
traced, and put back.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from typing import Any

import keras

from trainer.errors import TrainingError

__all__ = [
    "accumulators",
    "check_seams",
    "compiled_loss",
    "compiled_metrics",
    "iterations",
    "layers_of",
    "loss_tracker",
    "make_ready",
    "random_functions",
    "replaced",
    "stepping_at_once",
    "summed_gradients",
    "unscaled_losses",
]

_OF_MODEL = ("_compile_loss", "_compile_metrics", "_loss_tracker", "_symbolic_build")
_OF_OPTIMIZER = (
    "_all_reduce_sum_gradients",
    "_apply_weight_decay",
    "_backend_apply_gradients",
    "_backend_update_step",
    "_clip_gradients",
    "_iterations",
)
_OF_RANDOM = ("draw_seed", "dropout", "normal", "truncated_normal", "uniform")


def check_seams(model: keras.Model) -> None:
    """Check that this Keras has what is used of it.

    Raises:
        TrainingError: It has not.
    """
    missing = [f"Model.{name}" for name in _OF_MODEL if not hasattr(model, name)]
    missing += [f"random.{name}" for name in _OF_RANDOM if not hasattr(_random(), name)]
    if not hasattr(_losses(), "scale_loss_for_distribution"):
        missing.append("losses.scale_loss_for_distribution")
    for name in _OF_OPTIMIZER:
        if not hasattr(model.optimizer, name):
            missing.append(f"Optimizer.{name}")
    if missing:
        raise TrainingError(
            f"keras {keras.__version__}",
            expected="a Keras that several workers can train with",
            got=f"one without {', '.join(missing)}",
            mend="install keras 3.15, or train with one worker and determinism = numeric",
        )


def accumulators(optimizer: Any) -> list[keras.Variable]:
    """Return the variables in which an optimizer gathers gradients, in the order of weights."""
    return list(optimizer._accumulated_gradients)


def compiled_loss(model: keras.Model) -> Callable[[Any, Any, Any], Any]:
    """Return the loss of a batch: a function of labels, outputs and weights."""
    return model._compile_loss  # type: ignore[no-any-return]


def compiled_metrics(model: keras.Model) -> keras.metrics.Metric | None:
    """Return all metrics that the model was compiled with as a single one, or None."""
    return model._compile_metrics


def loss_tracker(model: keras.Model) -> keras.metrics.Metric:
    """Return the metric that holds the mean loss."""
    return model._loss_tracker


def iterations(optimizer: Any) -> keras.Variable:
    """Return the variable that counts an optimizer's batches."""
    return optimizer._iterations


def layers_of(model: keras.Model) -> list[keras.layers.Layer]:
    """Return the layers of the model, and those inside of them."""
    return list(model._flatten_layers(include_self=False))


def make_ready(model: keras.Model, batch: tuple[Any, Any, Any]) -> None:
    """Build the compiled loss and metrics, for batches like that one (tensors or their specs)."""
    model._symbolic_build(data_batch=batch)


def random_functions() -> Mapping[str, Callable[..., Any]]:
    """Return the functions of Keras's backend that draw, and the one that draws their seeds."""
    return {name: getattr(_random(), name) for name in _OF_RANDOM}


@contextmanager
def replaced(functions: Mapping[str, Callable[..., Any]]) -> Iterator[None]:
    """Let layers that are traced within draw with other functions."""
    with _set({(_random(), name): function for name, function in functions.items()}):
        yield


@contextmanager
def unscaled_losses() -> Iterator[None]:
    """Let losses that are traced within be what they are, not divided by the replicas."""
    with _set({(_losses(), "scale_loss_for_distribution"): lambda value: value}):
        yield


@contextmanager
def stepping_at_once(optimizer: Any) -> Iterator[None]:
    """Let an optimizer that gathers gradients change weights by what it is given.

    It goes on counting steps, not batches, as its learning rate and Adam's corrections need.
    """

    def apply(gradients: Any, weights: Any) -> None:
        clipped = optimizer._clip_gradients(gradients)
        optimizer._apply_weight_decay(weights)
        optimizer._backend_update_step(clipped, weights, optimizer.learning_rate)

    optimizer._backend_apply_gradients = apply
    try:
        yield
    finally:
        del optimizer._backend_apply_gradients


@contextmanager
def summed_gradients(optimizer: Any) -> Iterator[None]:
    """Let an optimizer take gradients as they are: they are the sum over all replicas already."""
    optimizer._all_reduce_sum_gradients = lambda pairs: pairs
    try:
        yield
    finally:
        del optimizer._all_reduce_sum_gradients


@contextmanager
def _set(values: Mapping[tuple[Any, str], Any]) -> Iterator[None]:
    with ExitStack() as stack:
        for (module, name), value in values.items():
            stack.callback(setattr, module, name, getattr(module, name))
            setattr(module, name, value)
        yield


def _random() -> Any:
    from keras.src.backend.tensorflow import random

    return random


def _losses() -> Any:
    from keras.src.losses import loss

    return loss
