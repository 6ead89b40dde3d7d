"""From `[train]` to what the trainer takes: a model made ready, callbacks, a round's settings."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from millstream.config.config import Config
from millstream.rounds.plan import Plan

if TYPE_CHECKING:
    import keras

    import trainer

__all__ = [
    "exportable",
    "make_callbacks",
    "make_model",
    "make_options",
    "prepare",
    "tell",
    "train_settings",
]

log = logging.getLogger("millstream")


def make_options(config: Config) -> trainer.ModelOptions:
    """What the configuration does to the user's model."""
    import trainer

    section = config.train
    return trainer.ModelOptions(
        precision=section.precision,
        accumulate=section.accumulate,
        clip_norm=section.clip_norm,
        clip_value=section.clip_value,
        global_clip_norm=section.global_clip_norm,
        start_from=None if section.start_from is None else config.directory / section.start_from,
        freeze=section.freeze,
        lora_rank=section.lora_rank,
        lora_layers=section.lora_layers,
    )


def prepare(config: Config, seed: int | None = None) -> trainer.Prepared:
    """The untrained model, ready to be trained, and what was done to it.

    Raises:
        trainer.ModelError: the model file, the model, or what is done to it cannot be used.
    """
    import trainer

    options = make_options(config)
    return trainer.prepare_model(config.train.model, config.directory, options, seed=seed)


def make_model(config: Config, seed: int | None = None) -> keras.Model:
    """The untrained model, ready to be trained; the same seed gives the same one.

    Raises:
        trainer.ModelError: as `prepare`.
    """
    made = prepare(config, seed)
    if note := tell(made):
        log.info("%s: %s", config.train.model, note)
    return made.model


def tell(made: trainer.Prepared) -> str:
    """Where a model begins and what of it is trained, as a phrase; nothing if that is usual."""
    notes = []
    if (started := made.started) is not None:
        notes.append(f"{len(started.taken)} variables begin as in train.start_from")
        if started.kept:
            notes.append(f"{len(started.kept)} of other names anew: {', '.join(started.kept)}")
    if (tuning := made.tuning) is not None:
        notes.append(f"{tuning.trained:,} of {tuning.parameters:,} parameters are trained")
        if tuning.frozen:
            notes.append(f"frozen: {', '.join(tuning.frozen)}")
        if tuning.adapted:
            notes.append(f"with LoRA: {', '.join(tuning.adapted)}")
    return "; ".join(notes)


def make_callbacks(config: Config) -> trainer.CallbackMaker:
    """What makes the user's callbacks of a round.

    Raises:
        trainer.ModelError: a file of them cannot be used.
    """
    import trainer

    return trainer.load_callbacks(config.train.callbacks, config.directory)


def train_settings(config: Config, plan: Plan) -> trainer.TrainSettings:
    """How a round is trained: a function of the configuration and its plan."""
    import trainer

    section = config.train
    warms_up = section.warm_up == "round" or plan.reaction is not None
    return trainer.TrainSettings(
        epochs=section.epochs,
        patience=section.patience,
        min_delta=section.min_delta,
        monitor=section.monitor,
        mode=section.mode,
        warm_up_steps=section.warm_up_steps if warms_up else 0,
    )


def exportable(config: Config, model: keras.Model) -> keras.Model:
    """The model that is exported: this one, or its twin in float32 without adapters.

    Raises:
        trainer.ModelError: the model file builds another model now.
    """
    import trainer

    if not make_options(config).needs_twin:
        return model
    return trainer.float32_model(model, config.train.model, config.directory)
