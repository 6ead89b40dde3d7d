"""Settings of what an optimizer does to gradients: clipping, and several batches to one step.

Gradients that wait for their step are variables of the optimizer: a checkpoint holds them, and the
next round goes on where one ended, also within a step.
"""

import keras

from trainer.fit.schedule import innermost
from trainer.models.options import ModelOptions


def set_gradients(model: keras.Model, options: ModelOptions) -> None:
    """Set clipping and accumulation in a model's optimizer; what is not set stays the user's."""
    clips = (options.clip_norm, options.clip_value, options.global_clip_norm)
    for optimizer in innermost(model.optimizer):
        if any(clip is not None for clip in clips):
            optimizer.clipnorm, optimizer.clipvalue, optimizer.global_clipnorm = clips
        if options.accumulate > 1:
            optimizer.gradient_accumulation_steps = options.accumulate


def renew_optimizer(model: keras.Model) -> None:
    """Give a model an optimizer without variables, as those depend on what is trained and how."""
    if model.optimizer.built:
        model.optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
