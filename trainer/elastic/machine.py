"""What a worker trains with: made once, for rows of one kind."""

from typing import Any

import keras
import tensorflow as tf

from trainer.distribution.communicator import Communicator
from trainer.elastic.agreement import Agreement
from trainer.elastic.by_partition import ByPartition
from trainer.elastic.by_worker import ByWorker
from trainer.elastic.fit import Machine
from trainer.elastic.judging import Judge
from trainer.elastic.seams import make_ready
from trainer.elastic.states import MetricStates
from trainer.elastic.steps import Gradients, Steps
from trainer.errors import ModelError
from trainer.scoring.row_loss import RowLoss

__all__ = ["make_machine"]


def make_machine(
    model: keras.Model,
    strategy: tf.distribute.Strategy,
    line: Communicator,
    spec: Any,
    *,
    bitwise: bool,
) -> Machine:
    """Build what a model needs besides its weights.

    Args:
        model: Compiled, of the strategy.
        strategy: Of all workers.
        line: Between them.
        spec: Of elements (inputs, label, weight, place).
        bitwise: Whether gradients are summed by partition.

    Raises:
        ModelError: The loss or a metric cannot be added up over parts.
    """
    inputs, label, weight, _ = tf.nest.map_structure(_two_rows, spec)
    with strategy.scope():
        make_ready(model, (inputs, label, weight))
    replicas = strategy.num_replicas_in_sync
    alone = replicas == 1 and not bitwise
    if not alone:
        _check_loss(model, spec[1])
    states = MetricStates(model)
    how: Gradients = ByPartition(model, states) if bitwise else ByWorker(model, states, replicas)
    local = replicas // line.size
    return Machine(
        model=model,
        steps=Steps(model, strategy, line.size, how),
        judge=Judge(model, states, alone=alone, by_share=bitwise),
        states=states,
        agreement=Agreement(line),
        slots=None if bitwise else range(line.rank * local, (line.rank + 1) * local),
    )


def _two_rows(spec: Any) -> tf.Tensor:
    return tf.zeros([2, *spec.shape[1:]] if spec.shape.rank else [], spec.dtype)


def _check_loss(model: keras.Model, label: Any) -> None:
    """Check that the loss has a value for each row, so that rows can be on several workers."""
    row_loss = RowLoss(model)
    output = model.outputs[0]
    spec = [label, tf.TensorSpec((None, *output.shape[1:]), output.dtype)]
    try:
        tf.function(row_loss, autograph=False).get_concrete_function(*spec)
    except ModelError:
        raise
    except (ValueError, TypeError) as error:
        raise ModelError(
            "the model's loss",
            expected="a loss that takes the labels and the output",
            got=f"{type(error).__name__}: {error}",
            mend="compare its output, loss and labels with the schema",
        ) from error
