"""Steps that run where their weights are, forwards and backwards.

TensorFlow runs an operation on the first device unless a scope says otherwise, and a tape is
outside of such scopes when it computes gradients: each part of a weight would come to the first
device for its gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import tensorflow as tf

__all__ = ["run_on"]


def run_on(device: str, function: Callable[..., Any], weights: Sequence[Any], given: Any) -> Any:
    """Return `function(given, *weights)`, computed on a device, as its gradients will be.

    Args:
        device: Its name.
        function: Of tensors, to a tensor.
        weights: Variables on that device.
        given: A tensor. Whole numbers have no gradient.
    """

    @tf.custom_gradient  # type: ignore[untyped-decorator]
    def there(tensor: Any, *parts: Any) -> Any:
        with tf.device(device), tf.GradientTape(watch_accessed_variables=False) as tape:
            tape.watch([x for x in (tensor, *parts) if x.dtype.is_floating])
            result = function(tensor, *parts)

        def gradients(upstream: Any) -> Any:
            with tf.device(device):
                return tape.gradient(result, [tensor, *parts], upstream)

        return result, gradients

    with tf.device(device):
        return there(given, *[tf.convert_to_tensor(weight.value) for weight in weights])
