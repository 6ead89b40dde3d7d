"""The user's model, built and made ready to be trained as the options say."""

from dataclasses import dataclass
from pathlib import Path

import keras

from trainer.fit.gradients import renew_optimizer, set_gradients
from trainer.models.finetune import FineTuning, fine_tune
from trainer.models.model import build_model
from trainer.models.options import ModelOptions
from trainer.models.precision import keep_output, layers_of
from trainer.models.start_from import Started, start_from


@dataclass(frozen=True)
class Prepared:
    """A model that is ready, and what was done to it.

    Attributes:
        model: The compiled model.
        started: Which variables came from a file; None without one.
        tuning: What of it is trained; None if all is.
    """

    model: keras.Model
    started: Started | None
    tuning: FineTuning | None


def prepare_model(
    spec: str, directory: Path, options: ModelOptions, *, seed: int | None = None
) -> Prepared:
    """Build the user's model and do to it what the options say; by default that is nothing.

    Args:
        spec: `module:function`, for example `model:build`.
        directory: Where the module lies.
        options: Precision, gradients, where it begins, what is trained.
        seed: Seeds Python, NumPy and TensorFlow, for the first weights of the model, and again for
            those of adapters; None leaves them alone.

    Raises:
        ModelError: As `build_model`, `start_from` and `fine_tune`.
    """
    with layers_of(options.precision):
        model = build_model(spec, directory, seed=seed)
    if options.precision != "float32":
        keep_output(model)
    started = start_from(model, options.start_from) if options.start_from else None
    tuning = None
    if options.freeze or options.lora_rank is not None:
        if seed is not None:
            keras.utils.set_random_seed(seed)
        tuning = fine_tune(model, options)
    if tuning is not None or options.accumulate > 1:
        renew_optimizer(model)
    set_gradients(model, options)
    return Prepared(model, started, tuning)
