"""The model that is exported: in float32, without adapters, with the weights that were trained."""

from pathlib import Path
from typing import Any

import keras
import numpy as np

from trainer.errors import ModelError
from trainer.models.model import build_model
from trainer.variables import plain_path

_BASES = {"lora_kernel_a": "_kernel", "lora_embeddings_a": "_embeddings"}


def float32_model(trained: keras.Model, spec: str, directory: Path) -> keras.Model:
    """Build the user's model anew, and give it the weights of the one that was trained.

    Args:
        trained: The model, prepared by `trainer.prepare_model`.
        spec: `module:function` that built it.
        directory: Where the module lies.

    Returns:
        A model without mixed precision and without LoRA: adapters are added to their kernels. It
        predicts the same, but for rounding.

    Raises:
        ModelError: As `build_model`; or the function returned a model of other variables.
    """
    twin = build_model(spec, directory)
    merged = merged_kernels(trained)
    plain = [variable for variable in trained.variables if not _is_adapter(variable)]
    if [_form(v) for v in plain] != [_form(v) for v in twin.variables]:
        raise ModelError(
            f"model {spec!r}",
            expected="the same model each time that it is built",
            got="one with other variables than the one that is trained",
            mend="let the function depend on nothing but its file",
        )
    for mine, theirs in zip(twin.variables, plain, strict=True):
        mine.assign(merged.get(id(theirs), theirs.numpy()))
    return twin


def merged_kernels(model: keras.Model) -> dict[int, np.ndarray]:
    """Return the kernels of a model's adapted layers with what is added, by id of the variable."""
    merged = {}
    for layer in model._flatten_layers(include_self=False):
        if not getattr(layer, "lora_enabled", False):
            continue
        name = next(name for name in _BASES if hasattr(layer, name))
        narrow, wide = getattr(layer, name), getattr(layer, f"{name[:-1]}b")
        base = getattr(layer, _BASES[name])
        added = np.matmul(narrow.numpy(), wide.numpy())
        merged[id(base)] = base.numpy() + layer.lora_alpha / layer.lora_rank * added
    return merged


def _is_adapter(variable: Any) -> bool:
    return str(variable.name).startswith(("lora_kernel_", "lora_embeddings_"))


def _form(variable: Any) -> tuple[str, tuple[int, ...]]:
    return plain_path(variable.path), tuple(variable.shape)
