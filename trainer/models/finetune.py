"""Fine-tuning: which layers of a model are trained, and which only by adapters of low rank.

LoRA is Keras's own (Hu et al. 2021, "LoRA: Low-Rank Adaptation of Large Language Models"): the
kernel of a layer stays as it is, and what is trained is the product of two narrow matrices that is
added to it. They are variables of the model, so checkpoints and replays hold them; an export has
them added up (see `trainer.models.twin`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import keras

from trainer.errors import ModelError
from trainer.models.layer_paths import children, chosen, layers_by_path
from trainer.models.options import ModelOptions

_ADAPTABLE = (keras.layers.Dense, keras.layers.EinsumDense, keras.layers.Embedding)


@dataclass(frozen=True)
class FineTuning:
    """What of a model is trained.

    Attributes:
        frozen: Paths of the layers that are not.
        adapted: Paths of the layers that have an adapter.
        trained: Numbers that are trained.
        parameters: All numbers of the model's weights.
    """

    frozen: tuple[str, ...]
    adapted: tuple[str, ...]
    trained: int
    parameters: int


def fine_tune(model: keras.Model, options: ModelOptions) -> FineTuning:
    """Freeze layers of a model and give some adapters, as the options say.

    A layer that is both frozen and adapted trains its adapter alone. A frozen BatchNormalization
    normalises by its moving statistics, as ever in Keras. To be called before the optimizer is
    built.

    Raises:
        ModelError: A pattern chooses nothing, a layer cannot have an adapter, or nothing is left
            to train.
    """
    layers = layers_by_path(model)
    frozen = chosen(layers, options.freeze, "train.freeze")
    adapted = _adapt(layers, options) if options.lora_rank is not None else []
    for path in frozen:
        for layer in layers[path]:
            _freeze(layer, path in adapted and isinstance(layer, _ADAPTABLE))
    tuning = FineTuning(
        frozen=tuple(frozen),
        adapted=tuple(adapted),
        trained=_count(model.trainable_variables),
        parameters=_count(model.weights),
    )
    if not tuning.trained:
        raise ModelError(
            "train.freeze",
            expected="something that is left to train",
            got="every layer is frozen",
            mend="freeze fewer layers, or set train.lora_rank",
        )
    return tuning


def _adapt(layers: Mapping[str, Sequence[keras.layers.Layer]], options: ModelOptions) -> list[str]:
    kinds = {
        at: [one for one in some if isinstance(one, _ADAPTABLE)] for at, some in layers.items()
    }
    able = {path: some for path, some in kinds.items() if some}
    paths = chosen(able, options.lora_layers, "train.lora_layers")
    for path in paths:
        for layer in able[path]:
            _give_adapter(path, layer, options.lora_rank)
    return paths


def _give_adapter(path: str, layer: keras.layers.Layer, rank: int | None) -> None:
    try:
        layer.enable_lora(rank)
    except (ValueError, NotImplementedError) as error:
        raise ModelError(
            f'layer "{path}"',
            expected="a layer that can have an adapter",
            got=str(error),
            mend="leave it out of train.lora_layers",
        ) from error


def _freeze(layer: keras.layers.Layer, adapted: bool) -> None:
    if not adapted and not children(layer):
        layer.trainable = False
        return
    for variable in (*layer._trainable_variables, *layer._non_trainable_variables):
        if "lora_" not in variable.name:
            variable.trainable = False


def _count(variables: list[keras.Variable]) -> int:
    return sum(int(keras.ops.size(variable)) for variable in variables)
