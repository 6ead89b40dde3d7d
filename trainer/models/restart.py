"""To begin anew with a learner: all of it, or its learning rate."""

import keras

from trainer.errors import ModelError
from trainer.fit.callback_state import keep_callback_state
from trainer.variables import trained_variables

RATE = ("iteration", "learning_rate")
"""Names of the optimizer's variables that say where in a schedule it is, and how fast it learns."""


def begin_anew(model: keras.Model, fresh: keras.Model) -> None:
    """Give a model all that an untrained one has: weights, seeds, optimizer slots, learning rate.

    Callbacks begin anew, too.

    Raises:
        ModelError: They are not of one build.
    """
    for (_, ours), (_, theirs) in _pairs(model, fresh):
        ours.assign(theirs.numpy())
    keep_callback_state(model, "")


def reset_learning_rate(model: keras.Model, fresh: keras.Model, slots: bool = False) -> None:
    """Set learning rate and iterations to those of an untrained model, so a schedule begins anew.

    Callbacks begin anew, too.

    Args:
        model: Is changed; its weights are not.
        fresh: Untrained.
        slots: Whether the optimizer's slots become those of the untrained one, too.

    Raises:
        ModelError: They are not of one build.
    """
    for (group, ours), (_, theirs) in _pairs(model, fresh):
        name = str(ours.path).rsplit("/", maxsplit=1)[-1]
        if group == "optimizer" and (slots or name in RATE):
            ours.assign(theirs.numpy())
    keep_callback_state(model, "")


def _pairs(
    model: keras.Model, fresh: keras.Model
) -> list[tuple[tuple[str, keras.Variable], tuple[str, keras.Variable]]]:
    ours, theirs = trained_variables(model), trained_variables(fresh)
    shapes = [[(group, tuple(each.shape)) for group, each in part] for part in (ours, theirs)]
    if shapes[0] != shapes[1]:
        raise ModelError(
            "an untrained model",
            expected=f"{len(ours)} variables of the learner's shapes",
            got=f"{len(theirs)} variables",
            mend="build the same model every time",
        )
    return list(zip(ours, theirs, strict=True))
