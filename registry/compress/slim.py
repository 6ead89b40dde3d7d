"""What a flatbuffer need not carry: names of tensors, metadata, and what nothing refers to."""

from __future__ import annotations

from registry.compress.editing import assemble, drop_unused, take_apart

__all__ = ["slim"]


def slim(tflite: bytes) -> bytes:
    """The same model without what only tools read; its signature keeps its names.

    It predicts bit for bit the same. Names are long (each tells the path of its layer), so that
    they can outweigh the numbers of a small or an unrolled model.

    Args:
        tflite: a LiteRT model. What is to be left in float is said by names: slim comes last.
    """
    model = take_apart(tflite)
    model.metadata = model.metadataBuffer = model.description = None
    for graph in model.subgraphs:
        graph.name = None
        for tensor in graph.tensors:
            tensor.name = None
            scale = None if tensor.quantization is None else tensor.quantization.scale
            if scale is None or len(scale) == 0:
                tensor.quantization = None
    return assemble(drop_unused(model))
