"""Whether small bytes hold what their rung promises, and what they hold, for people."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass

from registry.artifact import Tflite
from registry.errors import LiteModelError, RungError
from registry.flatbuffer import LOOKING_UP, MULTIPLYING, Weight, op_names, weights
from registry.litert import LiteModel
from registry.operations import Operation, last_layers, operations

__all__ = ["Promise", "check_promise", "describe_operations"]

LARGE_WEIGHTS = 1024
SHARE_OF_SAVING = 0.5
BITS = {"FLOAT32": 32, "FLOAT16": 16, "INT8": 8, "INT4": 4}
MOVING = frozenset(
    {"QUANTIZE", "DEQUANTIZE", "RESHAPE", "SHAPE", "PACK", "WHILE", "FILL", "ZEROS_LIKE"}
)


@dataclass(frozen=True)
class Promise:
    """What a rung says of its bytes.

    Attributes:
        dense: dtypes that the weights of dense and convolution layers may have.
        tables: dtypes that embedding tables may have.
        some: a dtype that at least one weight must have; None for any of these.
    """

    dense: frozenset[str]
    tables: frozenset[str]
    some: str | None = None

    def holds(self, weight: Weight) -> bool:
        """Whether a weight is as promised."""
        return weight.dtype in (self.tables if weight.op in LOOKING_UP else self.dense)


def check_promise(
    rung: str, promise: Promise, before: Tflite, after: Tflite, kept: Collection[str] = ()
) -> None:
    """Refuse bytes that are not what their rung says.

    Args:
        rung: its name, for the messages.
        promise: what it says.
        before: the float32 bytes.
        after: the small bytes, with the names of their tensors.
        kept: names of weights that were to stay in float.

    Raises:
        RungError: no weight is as promised, a large one is not, the file did not shrink by what
            the weights lost, an operation needs TensorFlow, or the inputs or outputs changed.
    """
    found = [w for w in weights(after) if w.op in MULTIPLYING | LOOKING_UP]
    other = [w for w in found if not promise.holds(w)]
    large = [
        f"{w.name} ({w.op}, {w.values.size:,} {w.dtype.lower()})"
        for w in other
        if w.values.size >= LARGE_WEIGHTS and w.name not in kept
    ]
    if large:
        raise RungError(f"the quantizer left large weights in float32: {', '.join(large)}")
    if len(other) == len(found):
        raise RungError(f"none of the {len(found)} weights became {rung}: all are too small")
    if promise.some and not any(w.dtype == promise.some for w in found):
        raise RungError(f"no weight of this model can be {promise.some.lower()} in LiteRT")
    check_size(rung, before, after)
    foreign = sorted({op for op in op_names(after) if op.startswith("Flex")})
    if foreign:
        raise RungError(f"{rung} needs operations that LiteRT does not have: {foreign}")
    check_signature(rung, before, after)


def check_size(rung: str, before: Tflite, after: Tflite) -> None:
    """Refuse bytes that are not smaller by a good part of what their weights lost.

    Raises:
        RungError: see `check_promise`.
    """
    saved = len(before) - len(after)
    if saved <= 0:
        raise RungError(
            f"{rung} does not make this model smaller: {len(before):,} -> {len(after):,} bytes"
        )
    lost = size_of_weights(before) - size_of_weights(after)
    if saved < SHARE_OF_SAVING * lost:
        raise RungError(
            f"{rung} took {lost:,} bytes off the weights, but only {saved:,} off the file: "
            f"{len(before):,} -> {len(after):,}"
        )


def size_of_weights(tflite: Tflite) -> int:
    """Bytes of all weights as they are stored."""
    return sum(w.values.size * BITS[w.dtype] // 8 for w in weights(tflite))


def check_signature(rung: str, before: Tflite, after: Tflite) -> None:
    """Refuse bytes that take other inputs or give other outputs than the float32 ones.

    Raises:
        RungError: see `check_promise`.
    """
    try:
        old, new = LiteModel(before).signature, LiteModel(after).signature
    except LiteModelError as e:
        raise RungError(f"LiteRT cannot load what {rung} made: {e}") from e
    if old != new:
        raise RungError(f"{rung} changed the inputs or outputs: expected {old}, got {new}")


def describe_operations(tflite: Tflite) -> tuple[str, ...]:
    """One line on what computes in float32 beside int8 activations; none if all or nothing does.

    Operations that only move or convert numbers are not counted. Those in a loop and in the last
    layer are said to be so; the others have no int8 form that the quantizer knows, or were to stay.
    """
    every = operations(tflite)
    counted = [o for o in every if o.op not in MOVING]
    integer = [o for o in counted if o.dtype in {"INT8", "INT16"} and o.op not in LOOKING_UP]
    floats = [o for o in counted if o.dtype in {"FLOAT32", "FLOAT16"}]
    if not integer or not floats:
        return ()
    said = kinds(floats, last_layers(every))
    return (f"{len(floats)} of {len(floats) + len(integer)} operations in float: {said}",)


def kinds(found: list[Operation], last: Collection[Operation]) -> str:
    """Such as `2 GELU, 3 MUL (in a loop), 1 SOFTMAX (last layer)`."""
    places = [" (in a loop)" if o.graph else " (last layer)" if o in last else "" for o in found]
    counts = Counter(o.op + place for o, place in zip(found, places, strict=True))
    return ", ".join(f"{count} {kind}" for kind, count in counts.most_common())
