"""What bit-identical training needs, and how a model's draws are kept from leaking between rounds.

The same checkpoint and the same dataset give the same bits, in a fresh process or after any number
of rounds, because

* ops are deterministic (`compute_exactly`) and tf.data keeps its order;
* everything that fit changes is in the checkpoint: weights, optimizer slots and iterations (hence
  the place in a learning-rate schedule), and the seed generators of Dropout and its like;
* draws that bypass the model's own seed generators (`tf.random.normal`, `keras.random.normal`
  without a seed) are seeded by the round. TensorFlow fixes such seeds when it traces a function,
  so a model that has them is traced anew each round (0.5 to 1 s); others keep their functions;
* state that neither the model nor the optimizer owns is refused, since no checkpoint holds it.

It holds on one kind of machine with one number of threads, without a GPU (`repeats_bits`): another
instruction set, another TensorFlow or another number of cores may sum in another order.
"""

import hashlib
import os
import random
from collections.abc import Iterable
from typing import Any

import keras
import numpy as np
import tensorflow as tf

from trainer.errors import ModelError

_PYTHON_OPS = {"PyFunc", "PyFuncStateless", "EagerPyFunc"}
_GLOBAL_GENERATOR = "seed_generator_state"


def compute_exactly() -> None:
    """Make TensorFlow's ops deterministic in this process, for good, and float32 products exact.

    NVIDIA's GPUs since Ampere would round the factors of a float32 product to 10 bits
    (TensorFloat-32), and a model that is judged after export would not be the one that was trained.
    NVIDIA's cuBLAS repeats its bits only with workspaces of a fixed size.
    """
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read at the first product
    tf.config.experimental.enable_op_determinism()
    tf.config.experimental.enable_tensor_float_32_execution(False)


def repeats_bits() -> bool:
    """Return whether training gives the same bits in any process, and in any number of processes.

    Not where there is a GPU. Tried on an NVIDIA H200 (TensorFlow 2.21): most rounds gave the same
    bits in another process, some did not; gradients of a partition had other last bits in two
    processes than in one.
    """
    return not tf.config.get_visible_devices("GPU")  # starts CUDA's driver, not the runtime


def seed_everything(seed: int, round_seed: int) -> None:
    """Seed Python, NumPy and TensorFlow from both numbers (any integers)."""
    keras.utils.set_random_seed(_mixed(seed, round_seed))


def seed_python(seed: int, round_seed: int) -> None:
    """Seed Python and NumPy from both numbers, for a fit in which TensorFlow has nothing to draw.

    TensorFlow forgets all functions that it has prepared when it is seeded, and to prepare them
    anew takes half a second a round.
    """
    mixed = _mixed(seed, round_seed)
    random.seed(mixed)
    np.random.seed(mixed)


def _mixed(seed: int, round_seed: int) -> int:
    text = f"millstream round {seed} {round_seed}".encode()
    return int.from_bytes(hashlib.sha256(text).digest()[:4], "big")


def draws_globally(model: keras.Model, graph: Any) -> bool:
    """Return whether a train step draws numbers that no variable of the model determines.

    Args:
        model: A model whose optimizer is built.
        graph: Of a train step.

    Raises:
        ModelError: The step uses a variable that no checkpoint would hold.
    """
    outside = [variable.name for variable in _outside(model, graph.variables)]
    stray = [name for name in outside if _GLOBAL_GENERATOR not in name]
    if stray:
        raise ModelError(
            f'variable "{stray[0]}"',
            expected="all state of the model in model.variables",
            got="a variable that the model does not track, so no checkpoint holds it",
            mend="create it with self.add_weight, and draw with a keras.random.SeedGenerator",
        )
    return bool(outside) or any(is_global_draw(node) for node in nodes_of(graph))


def _outside(model: keras.Model, used: Iterable[Any]) -> list[Any]:
    owned = [*model.variables, *model.optimizer.variables, *model.metrics_variables]
    known = {variable.value.ref() for variable in owned}
    return [variable for variable in used if variable.ref() not in known]


def nodes_of(graph: Any) -> Iterable[Any]:
    """Return the operations of a graph, and of all functions that it calls."""
    definition = graph.as_graph_def()
    yield from definition.node
    for function in definition.library.function:
        yield from function.node_def


def is_global_draw(node: Any) -> bool:
    """Return whether an operation may draw numbers that no variable of a model determines."""
    return node.op in _PYTHON_OPS or ("seed" in node.attr and "seed2" in node.attr)
