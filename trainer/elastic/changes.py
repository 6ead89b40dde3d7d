"""What layers of a model change while they are called, and whether workers can agree on it."""

from collections.abc import Sequence
from typing import Any

import keras

from trainer.elastic.seams import layers_of
from trainer.errors import ModelError

__all__ = ["Changes", "changes_of", "seed_states"]

Changes = Sequence[tuple[keras.Variable, Any]]  # variables and their new values
_SEED = "seed_generator_state"


def seed_states(model: keras.Model) -> list[keras.Variable]:
    """Return the states of the seed generators of the model's layers."""
    return [v for v in model.non_trainable_variables if str(v.path).endswith(_SEED)]


def changes_of(
    model: keras.Model,
    scope: keras.StatelessScope,
    drew: Sequence[Any],
    outputs: Any,
    *,
    alone: bool,
    exact: bool = False,
) -> Changes:
    """Return the new value of each variable that the layers have set in `scope`.

    Args:
        model: That was called in the scope.
        scope: Which collects losses.
        drew: The seed generators that drew row by row.
        outputs: Of the model.
        alone: Whether there is one part in each batch, so that all of this can be taken as it is.
        exact: Whether parts are partitions, so that nothing but seeds may change.

    Raises:
        ModelError: A loss or a mask of the rows of a part cannot be added up to that of the batch,
            or a seed or a state was changed in a way that differs between parts.
    """
    every = {id(variable): variable for variable in model.variables}
    changed = [(every[key], new) for key, new in scope.state_mapping.items() if key in every]
    if len(changed) < len(scope.state_mapping):
        raise _refused(
            "all state of the model in model.variables",
            "a layer that changes a variable of its own making, or a metric, while it is called",
            "create it with self.add_weight; give metrics to compile()",
        )
    if alone:
        return changed
    _check_added(scope, outputs)
    _check_states(model, changed, exact)
    own = {id(seed.state) for seed in drew if isinstance(seed, keras.random.SeedGenerator)}
    astray = [v for v, _ in changed if str(v.path).endswith(_SEED) and id(v) not in own]
    if astray:
        raise _refused(
            "seeds that random numbers of rows are drawn with",
            f'a layer that moves "{astray[0].path}" by itself',
            "pass the SeedGenerator to keras.random.uniform, normal or dropout",
        )
    return changed


def _check_added(scope: keras.StatelessScope, outputs: Any) -> None:
    """Check that nothing of the rows of one part is a mean over them."""
    if scope.losses:
        raise _refused(
            "no loss that depends on the rows of one worker alone",
            "an activity_regularizer, or a layer that calls add_loss",
            "make it a part of the compiled loss",
        )
    if getattr(outputs, "_keras_mask", None) is not None:
        raise _refused(
            "an output without a mask, as its mean over one worker's rows is not that of all",
            "a masked one",
            "weigh the rows instead, or reduce the output over the masked axis",
        )


def _check_states(model: keras.Model, changed: Changes, exact: bool) -> None:
    """Check that what changes besides seeds is what BatchNormalization gathers over all replicas.

    A frozen one changes nothing.
    """
    others = [v for v, _ in changed if not str(v.path).endswith(_SEED)]
    norms = [one for one in layers_of(model) if isinstance(one, keras.layers.BatchNormalization)]
    of_norms = {id(v) for norm in norms for v in norm.non_trainable_variables}
    gathered = [v for v in others if id(v) in of_norms]
    if exact and gathered:
        raise _refused(
            "frozen BatchNormalization, as its statistics over all partitions depend on the order"
            " of sums",
            f'one that trains: "{gathered[0].path}"',
            "set its trainable = False, use LayerNormalization or GroupNormalization, or train"
            " with determinism = numeric",
        )
    astray = [v for v in others if id(v) not in of_norms]
    if astray:
        raise _refused(
            "layers whose state does not depend on the rows of one worker",
            f'a layer that changes "{astray[0].path}" while it is called',
            "keep such a state out of the model, or train with one worker and determinism ="
            " numeric",
        )


def _refused(expected: str, got: str, mend: str) -> ModelError:
    return ModelError("model", expected=expected, got=got, mend=mend)
