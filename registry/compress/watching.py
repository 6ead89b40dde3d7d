"""What the layers of a model are given: the inputs of their units, seen over examples."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.artifact import Tflite
from registry.flatbuffer import name_of, operators, read

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Layer", "input_products", "layers_of"]

AT_ONCE = 8  # rows: every tensor of the model is held for them
POSITIONS = 8  # of a row that are looked at, along each axis of an image
MOST_INPUTS = 2048  # of a unit: the products are a square of so many
SAME = 0


@dataclass(frozen=True)
class Layer:
    """A dense layer or a convolution of the main graph, with constant weights.

    Attributes:
        op: `FULLY_CONNECTED` or `CONV_2D`.
        scope: as `Operation.scope`.
        weight: name of the weight.
        given: place of the tensor that it is given.
        shape: of the weight: `(units, inputs)` or `(filters, height, width, channels)`.
        strides: down and across.
        dilations: down and across.
        padded: whether a convolution sees zeros beyond the edges.
    """

    op: str
    scope: str
    weight: str
    given: int
    shape: tuple[int, ...]
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    padded: bool = False

    @property
    def inputs(self) -> int:
        """How many numbers a unit multiplies."""
        return math.prod(self.shape[1:])


def layers_of(tflite: Tflite) -> Iterator[Layer]:
    """The layers whose inputs can be watched: none in loops, no convolution in groups."""
    model = read(tflite)
    main = model.Subgraphs(0)
    for op, graph, operator in operators(model):
        if graph._tab.Pos != main._tab.Pos or op not in {"FULLY_CONNECTED", "CONV_2D"}:
            continue
        given, weight = (graph.Tensors(operator.Inputs(i)) for i in (0, 1))
        shape = tuple(weight.Shape(i) for i in range(weight.ShapeLength()))
        channels = given.Shape(given.ShapeLength() - 1)
        if not model.Buffers(weight.Buffer()).DataLength():
            continue
        if op == "CONV_2D" and channels != shape[3]:
            continue
        outputs = [graph.Tensors(operator.Outputs(i)) for i in range(operator.OutputsLength())]
        scope = "".join(f"{name_of(tensor)};" for tensor in outputs)
        place = int(operator.Inputs(0))
        more = window(operator) if op == "CONV_2D" else {}
        yield Layer(op, scope, name_of(weight), place, shape, **more)


def window(operator: Any) -> dict[str, Any]:
    """How a convolution moves over its image."""
    from ai_edge_litert import schema_py_generated as schema

    table, found = operator.BuiltinOptions(), schema.Conv2DOptions()
    found.Init(table.Bytes, table.Pos)
    return {
        "strides": (found.StrideH(), found.StrideW()),
        "dilations": (found.DilationHFactor(), found.DilationWFactor()),
        "padded": found.Padding() == SAME,
    }


def input_products(
    tflite: Tflite, layers: list[Layer], rows: Mapping[str, NDArray[Any]]
) -> dict[str, NDArray[np.float64]]:
    """How the inputs of each layer's units go together: their products, summed over examples.

    Args:
        tflite: the float32 model.
        layers: some of its.
        rows: its inputs by name, as `LiteModel.fit` gives them.

    Returns:
        Name of the weight -> float64[inputs, inputs]; layers with very many inputs are left out.
    """
    from ai_edge_litert.interpreter import Interpreter, OpResolverType

    watched = [layer for layer in layers if layer.inputs <= MOST_INPUTS]
    found = {layer.weight: np.zeros((layer.inputs,) * 2) for layer in watched}
    interpreter = Interpreter(
        model_content=tflite,
        num_threads=1,
        experimental_preserve_all_tensors=True,
        experimental_op_resolver_type=OpResolverType.BUILTIN_WITHOUT_DEFAULT_DELEGATES,
    )
    runner = interpreter.get_signature_runner()
    count = min(len(column) for column in rows.values())
    for start in range(0, count, AT_ONCE):
        runner(**{name: column[start : start + AT_ONCE] for name, column in rows.items()})
        for layer in watched:
            seen = units_see(layer, interpreter.get_tensor(layer.given))
            found[layer.weight] += seen.T @ seen
    return found


def units_see(layer: Layer, given: NDArray[np.float32]) -> NDArray[np.float32]:
    """What a layer's units multiply, `[n, inputs]`: of an image, what some positions see."""
    if layer.op == "FULLY_CONNECTED":
        return given.reshape(-1, layer.inputs)
    spans = [
        (size - 1) * apart + 1
        for size, apart in zip(layer.shape[1:3], layer.dilations, strict=True)
    ]
    if layer.padded:
        given = np.pad(given, ((0, 0), *edges(layer, given.shape[1:3], spans), (0, 0)))
    seen = np.lib.stride_tricks.sliding_window_view(given, spans, axis=(1, 2))
    down, across = layer.strides
    seen = seen[:, ::down, ::across, :, :: layer.dilations[0], :: layer.dilations[1]]
    down, across = (-(-size // POSITIONS) for size in seen.shape[1:3])
    return seen[:, ::down, ::across].transpose(0, 1, 2, 4, 5, 3).reshape(-1, layer.inputs)


def edges(layer: Layer, sizes: tuple[int, ...], spans: list[int]) -> list[tuple[int, int]]:
    """Zeros before and behind each axis of an image, as TensorFlow's padding "same" has them."""
    found = []
    for size, span, stride in zip(sizes, spans, layer.strides, strict=True):
        more = max((-(-size // stride) - 1) * stride + span - size, 0)
        found.append((more // 2, more - more // 2))
    return found
