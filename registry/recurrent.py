"""Recurrent layers in a form that LiteRT can run for any number of rows.

Keras keeps a recurrent layer's outputs in a TensorArray, which the converter refuses where the
batch axis is open; unrolled, a layer's operations come once for each step. Here a layer is one loop
over plain tensors, so its size does not grow with the steps.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import keras

__all__ = ["plain_loops"]


@contextmanager
def plain_loops(model: keras.Model) -> Iterator[None]:
    """Within it, the recurrent layers of a model run as plain loops, for inference.

    They give what Keras gives, with masks and in reversed order too. Unrolled layers stay so.

    Args:
        model: after it, it is as it was.
    """
    import keras

    layers = [
        layer
        for layer in model._flatten_layers(include_self=False)
        if isinstance(layer, keras.layers.RNN) and not (layer.unroll or layer.stateful)
    ]
    for layer in layers:
        layer.inner_loop = PlainLoop(layer)
    try:
        yield
    finally:
        for layer in layers:
            del layer.inner_loop


@dataclass(frozen=True)
class PlainLoop:
    """What takes the place of `keras.layers.RNN.inner_loop`."""

    layer: Any

    def __call__(
        self,
        sequences: Any,
        initial_state: Any,
        mask: Any = None,
        training: bool = False,  # noqa: ARG002 - Keras's interface
    ) -> tuple[Any, Any, Any]:
        """Run the layer over `sequences`, float `[rows, steps, ...]`.

        Args:
            sequences: a tensor.
            initial_state: tensors `[rows, ...]`, as deep as the cell's states are.
            mask: bool `[rows, steps]`, or None. A step that is masked changes nothing.
            training: not used: there is no dropout.

        Returns:
            The last output `[rows, ...]`; all outputs `[rows, steps, ...]`, or the last one as the
            only step if the layer returns no sequences; and the states.
        """
        import keras
        import tensorflow as tf

        mask = mask[0] if isinstance(mask, (list, tuple)) else mask
        steps = sequences.shape[1]
        steps = tf.shape(sequences)[1] if steps is None else steps
        by_time = by_rows(sequences), None if mask is None else by_rows(mask)
        states = keras.tree.flatten(initial_state)
        first, _ = self.step(by_time, 0, None, initial_state)  # for its shape, so it never runs
        last = tf.zeros([tf.shape(sequences)[0], *first.shape[1:]], first.dtype)
        every = [room_for(steps, last)] if self.layer.return_sequences else []

        def body(step: Any, last: Any, every: list[Any], states: list[Any]) -> tuple[Any, ...]:
            place = steps - 1 - step if self.layer.go_backwards else step
            packed = keras.tree.pack_sequence_as(initial_state, states)
            last, packed = self.step(by_time, place, last, packed)
            every = [put(outputs, step, last) for outputs in every]
            return step + 1, last, every, keras.tree.flatten(packed)

        _, last, every, states = tf.while_loop(
            lambda step, *_: step < steps, body, (tf.constant(0), last, every, states)
        )
        outputs = by_rows(every[0]) if every else last[:, None]
        return last, outputs, keras.tree.pack_sequence_as(initial_state, states)

    def step(self, by_time: tuple[Any, Any], place: Any, last: Any, states: Any) -> tuple[Any, Any]:
        """One step: its output and the states after it, where the mask lets it count.

        Args:
            by_time: sequences and mask, steps first.
            place: of the step.
            last: the output before it; None where the mask does not matter.
            states: before it.
        """
        import keras
        import tensorflow as tf

        sequences, mask = by_time
        output, after = self.layer.cell(tf.gather(sequences, place), states)
        if not keras.tree.is_nested(after):
            after = [after]
        if mask is None or last is None:
            return output, after
        counts = tf.gather(mask, place)
        skipped = tf.zeros_like(output) if self.layer.zero_output_for_mask else last
        after = keras.tree.map_structure(lambda new, old: choose(counts, new, old), after, states)
        return choose(counts, output, skipped), after


def room_for(steps: Any, output: Any) -> Any:
    """Zeros for as many outputs as there are steps, steps first."""
    import tensorflow as tf

    return tf.zeros(tf.concat([[steps], tf.shape(output)], 0), output.dtype)


def by_rows(values: Any) -> Any:
    """Steps first instead of rows, or the other way round."""
    import tensorflow as tf

    return tf.transpose(values, [1, 0, *range(2, len(values.shape))])


def choose(counts: Any, new: Any, old: Any) -> Any:
    """`new` in the rows that count, `old` in the others."""
    import tensorflow as tf

    return tf.where(tf.reshape(counts, [-1] + [1] * (len(new.shape) - 1)), new, old)


def put(every: Any, step: Any, output: Any) -> Any:
    """All outputs with one more among them."""
    import keras
    import tensorflow as tf

    start = tf.stack([step] + [0] * len(output.shape))
    return keras.ops.slice_update(every, start, output[None])
