"""What a model must be to be trained by several workers, checked before anything is trained."""

from collections.abc import Iterable
from typing import Any

import keras
import tensorflow as tf

from trainer.errors import ModelError, SettingsError
from trainer.randomness import is_global_draw, nodes_of, repeats_bits

__all__ = ["check_devices", "check_graph", "check_parts", "check_scope"]

_OWN = ("train_step", "test_step", "compute_loss", "compute_metrics")


def check_devices() -> None:
    """Check that gradients of the same rows have the same bits in any number of processes.

    Raises:
        SettingsError: There is a GPU, for determinism = "bitwise".
    """
    if not repeats_bits():
        raise SettingsError(
            "train.determinism",
            expected='"numeric" on a GPU, whose sums do not have the same bits for any number of'
            " workers",
            got='"bitwise"',
            mend="change it, or train on the processor: CUDA_VISIBLE_DEVICES=-1",
        )


def check_parts(model: keras.Model) -> None:
    """Check what of Keras's own training the elastic one replaces.

    Raises:
        ModelError: The model has a train step or the like of its own, an optimizer that gathers
            gradients by itself or scales them, or is run eagerly.
    """
    for name in _OWN:
        if getattr(type(model), name) is not getattr(keras.Model, name):
            raise _refused(
                f"a model with Keras's own {name}",
                f"{type(model).__name__}.{name}",
                "express it as a loss, a metric or a layer, or train with one worker and"
                " determinism = numeric",
            )
    optimizer = model.optimizer
    if optimizer.gradient_accumulation_steps and optimizer.use_ema:
        raise _refused(
            "an optimizer that gathers gradients, or one that averages weights",
            f"gradient_accumulation_steps={optimizer.gradient_accumulation_steps} and use_ema=True",
            "take one of them, or train with one worker and determinism = numeric",
        )
    if isinstance(optimizer, keras.optimizers.LossScaleOptimizer):
        raise _refused(
            "an optimizer that does not scale the loss",
            "a LossScaleOptimizer, which mixed_float16 brings",
            "use mixed_bfloat16, or train with one worker and determinism = numeric",
        )
    if model.run_eagerly:
        raise _refused("a compiled train step", "run_eagerly=True", "compile() without it")


def check_scope(model: keras.Model, strategy: tf.distribute.Strategy) -> None:
    """Check that the model was built for the strategy.

    Raises:
        ModelError: It was not.
    """
    if strategy.num_replicas_in_sync == 1 and strategy is tf.distribute.get_strategy():
        return
    for variable in [*model.variables, *model.optimizer.variables]:
        if not strategy.extended.variable_created_in_scope(variable.value):
            raise _refused(
                "a model that was built in strategy.scope()",
                f'"{variable.path}" from outside of it',
                "pass the function that builds and compiles the model",
            )


def check_graph(model: keras.Model, strategy: tf.distribute.Strategy, graph: Any) -> None:
    """Check that a traced train step draws by the model's seeds, and keeps all state in the model.

    Raises:
        ModelError: It does not.
    """
    drawn = [node.name for node in nodes_of(graph) if is_global_draw(node)]
    if drawn:
        raise _refused(
            "random numbers from seeds that the model holds, and no Python in a train step",
            f'the operation "{drawn[0]}"',
            "draw with keras.random and a keras.random.SeedGenerator of the layer's own",
        )
    known = {part.ref() for variable in _owned(model) for part in _parts(strategy, variable)}
    astray = [variable.name for variable in graph.variables if variable.ref() not in known]
    if astray:
        raise _refused(
            "all state of the model in model.variables",
            f'variable "{astray[0]}", which no checkpoint holds',
            "create it with self.add_weight",
        )


def _owned(model: keras.Model) -> Iterable[keras.Variable]:
    return [*model.variables, *model.optimizer.variables, *model.metrics_variables]


def _parts(strategy: tf.distribute.Strategy, variable: keras.Variable) -> Iterable[Any]:
    parts: Iterable[Any] = strategy.experimental_local_results(variable.value)
    return parts


def _refused(expected: str, got: str, mend: str) -> ModelError:
    return ModelError("model", expected=expected, got=got, mend=mend)
