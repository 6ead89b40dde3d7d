"""Layers for models larger than one device: each device of a machine holds a part of a weight.

A part is a variable of its own, placed when it is made; its optimizer slots lie beside it, and what
is computed with it is computed there. That is all: Keras trains such a model as any other.
"""

from trainer.sharded.dense import ShardedDense
from trainer.sharded.devices import bytes_by_device, devices, virtual_devices
from trainer.sharded.embedding import ShardedEmbedding
from trainer.sharded.finding import is_sharded
from trainer.sharded.unsharded import unsharded
from trainer.sharded.updates import update_in_place

__all__ = [
    "ShardedDense",
    "ShardedEmbedding",
    "bytes_by_device",
    "devices",
    "is_sharded",
    "unsharded",
    "update_in_place",
    "virtual_devices",
]
