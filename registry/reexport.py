"""A model exported round after round: new weights in the bytes of an earlier export.

A conversion takes about half a second, and what comes of it differs from the one before in nothing
but the weights. So a later export puts them where a conversion would have put them, under four
conditions: the model's function, traced anew, is what it was, constants included; the weights that
changed meet the rows as they are; an earlier conversion has shown where each of them goes, as all
its bytes came out right; and none of them has values that a converter makes something else of, such
as zeros alone. Else the model is converted again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import permutations
from typing import TYPE_CHECKING, Any
from weakref import WeakKeyDictionary

import numpy as np

from registry.export import answers, check_predictions, export_float32, named_inputs
from registry.flatbuffer import read
from registry.recurrent import plain_loops
from registry.weight_paths import met_as_they_are

if TYPE_CHECKING:
    import keras
    from numpy.typing import NDArray

__all__ = ["export_again", "rehearse_export"]

TRIES = 3  # conversions that prove nothing, after which a model is always converted
DATA = 4  # place of a buffer's bytes in LiteRT's schema
MOST_AXES = 5
SPECIAL = 12  # halves, thirds, quarters and sixths as single numbers are special to converters
LITTLE = 1e-3
MOST_REHEARSED = 16_000_000  # weights


@dataclass(frozen=True, eq=False)
class Traced:
    """A model's function for inference.

    Attributes:
        text: digest of its graph and of every captured value that is no weight.
        weights: values of the variables that it reads, in the order of the graph.
        digests: of these values.
        plain: whether they are told from all others, meet the rows as they are, and are none of a
            kind of which converters make something else: they fold zeros and ones away, and keep
            equal constants once.
    """

    text: str
    weights: tuple[NDArray[Any], ...]
    digests: tuple[str, ...]
    plain: tuple[bool, ...]

    def changed(self, before: Traced) -> list[int]:
        """Which weights have other values than before."""
        pairs = enumerate(zip(self.digests, before.digests, strict=True))
        return [number for number, (now, then) in pairs if now != then]


@dataclass(frozen=True)
class Place:
    """Where in the bytes a weight is: from which byte on, and its axes in their order there."""

    start: int
    axes: tuple[int, ...]


@dataclass
class Known:
    """What earlier exports of a model have shown.

    Attributes:
        tflite: the bytes of the last conversion.
        traced: what was converted.
        places: of its weights; None for one that is not found once, as it is.
        proven: the weights whose places are proven.
        failures: conversions, one after another, that proved nothing.
    """

    tflite: bytes = b""
    traced: Traced | None = None
    places: tuple[Place | None, ...] = ()
    proven: set[int] = field(default_factory=set)
    failures: int = 0

    def patched(self, now: Traced) -> bytes | None:
        """The bytes of a model as it is now; None if it must be converted."""
        before = self.traced
        if before is None or before.text != now.text:
            return None
        changed = now.changed(before)
        if not all(number in self.proven for number in changed):
            return None
        return self._put(now, before, changed)

    def learn(self, now: Traced, tflite: bytes) -> None:
        """Compare a conversion with what would have come of the one before."""
        before, places = self.traced, find_places(tflite, now.weights)
        if before is not None:
            same = before.text == now.text
            changed = now.changed(before) if same else []
            if same and self._put(now, before, changed) == tflite:
                self.proven, self.failures = self.proven | set(changed), 0
                kept = zip(self.places, places, strict=True)
                places = tuple(p if n in self.proven else q for n, (p, q) in enumerate(kept))
            else:
                self.proven, self.failures = set(), self.failures + 1
        self.tflite, self.places = tflite, places
        self.traced = replace(now, weights=())  # nobody needs the values any more

    def _put(self, now: Traced, before: Traced, changed: Sequence[int]) -> bytes | None:
        if not all(now.plain[number] and before.plain[number] for number in changed):
            return None
        return put(self.tflite, self.places, now.weights, changed)


KNOWN: WeakKeyDictionary[Any, Known] = WeakKeyDictionary()


def export_again(model: keras.Model) -> bytes:
    """Export a model for inference: the bytes that `export_float32` gives, mostly much sooner.

    They are checked against the model on a few rows, in either case.

    Args:
        model: as `export_float32` takes it. Of one that is exported again, the last bytes are kept
            for as long as it is there.

    Raises:
        ExportError: as `export_float32`.
    """
    known = KNOWN.setdefault(model, Known())
    inputs = named_inputs(model)
    now = trace(model, inputs) if known.failures < TRIES else None
    if now is None:
        return export_float32(model)
    if (tflite := known.patched(now)) is not None:
        check_predictions(model, inputs, tflite)
        return tflite
    tflite = export_float32(model)
    known.learn(now, tflite)
    return tflite


def rehearse_export(model: keras.Model, should_stop: Callable[[], bool]) -> None:
    """Convert a model with made-up weights, so that its exports mostly need no conversion any more.

    A new model's zeros and ones would prove nothing, so what training may change is changed by
    little; in the end all is what it was. Nothing else is different afterwards: the bytes of an
    export do not depend on it. Nothing is converted where that would prove nothing, as of a model
    that normalizes; nor is a large model, whose conversion takes as long as many rounds of others.

    Args:
        model: as `export_again` takes it.
        should_stop: asked before each conversion.

    Raises:
        ExportError: as `export_again`.
    """
    inputs, known = named_inputs(model), KNOWN.setdefault(model, Known())
    if model.count_params() > MOST_REHEARSED or (before := trace(model, inputs)) is None:
        return
    draw = np.random.default_rng(0)
    weights = [(variable, variable.numpy()) for variable in changing(model)]
    try:
        for _ in range(2):
            for variable, values in weights:
                variable.assign(nearby(values, draw))
            now = trace(model, inputs)
            if now is None or now.text != before.text or should_stop():
                return
            if not all(now.plain[number] for number in now.changed(before)):
                return
            known.learn(now, export_float32(model))
    finally:
        known.failures = 0
        for variable, values in weights:
            variable.assign(values)


def changing(model: keras.Model) -> list[Any]:
    """The variables of numbers that training may change: not those of frozen layers."""
    layers = [layer for layer in model._flatten_layers(include_self=False) if layer.trainable]
    own = {id(variable) for layer in layers for variable in layer.variables}
    return [v for v in model.variables if id(v) in own and "float" in str(v.dtype)]


def nearby(values: NDArray[Any], draw: np.random.Generator) -> NDArray[Any]:
    """Other values that are close to some, and of no special kind."""
    made = draw.random(values.shape, np.float32)
    made *= LITTLE
    made += values
    return made


def trace(model: keras.Model, inputs: Mapping[str, Any]) -> Traced | None:
    """The model's function; None if it cannot be traced, or reads what is no plain variable."""
    import tensorflow as tf

    given = {name: tf.TensorSpec(t.shape, t.dtype, name=name) for name, t in inputs.items()}
    try:
        with plain_loops(model):
            function = tf.function(lambda features: answers(model, features), autograph=False)
            graph = function.get_concrete_function(given).graph
    except Exception:  # noqa: BLE001 - whatever a layer raises, the export says it to people
        return None
    handles = {id(variable.handle): variable for variable in graph.variables}
    text = hashlib.sha256(graph.as_graph_def().SerializeToString(deterministic=True))
    weights, names = [], []
    for captured, placeholder in graph.captures:
        text.update(f"{placeholder.name} {captured.dtype} {captured.shape};".encode())
        if captured.dtype not in (tf.resource, tf.variant):
            text.update(np.asarray(captured).tobytes())
        elif (variable := handles.get(id(captured))) is not None:
            text.update(f"{variable.dtype} {variable.shape};".encode())
            weights.append(variable.numpy())
            names.append(placeholder.name)
        else:
            return None
    digests = tuple(digest_of(values) for values in weights)
    met = met_as_they_are(graph, frozenset(placeholder.name for _, placeholder in graph.captures))
    plain = tuple(
        name in met and is_plain(values) and digests.count(digest) == 1
        for name, values, digest in zip(names, weights, digests, strict=True)
    )
    return Traced(text.hexdigest(), tuple(weights), digests, plain)


def is_plain(values: NDArray[Any]) -> bool:
    """Whether values are of no special kind, such as zeros alone."""
    if values.dtype.kind != "f" or values.size == 0 or not np.isfinite(values).all():
        return False
    if values.size == 1:
        return not float(values.reshape(-1)[0] * SPECIAL).is_integer()
    return bool(values.min() != values.max())


def digest_of(values: NDArray[Any]) -> str:
    """SHA-256 of an array: its bytes, its type and its shape."""
    head = f"{values.dtype} {values.shape};".encode()
    return hashlib.sha256(head + values.tobytes()).hexdigest()


def find_places(tflite: bytes, weights: Sequence[NDArray[Any]]) -> tuple[Place | None, ...]:
    """Where weights are in a model: each where a buffer has its values, and no other has them."""
    by_size: dict[int, list[int]] = {}
    for start, size in buffers(tflite):
        by_size.setdefault(size, []).append(start)
    return tuple(find_place(tflite, by_size.get(one.nbytes, []), one) for one in weights)


def find_place(tflite: bytes, starts: Sequence[int], weight: NDArray[Any]) -> Place | None:
    """Where a weight is, among buffers of its size; None if that, or how it lies, is in doubt."""
    if weight.ndim > MOST_AXES or not starts:
        return None
    found: dict[tuple[int, ...], Place] = {}
    for axes in permutations(range(weight.ndim)):
        values = weight.transpose(axes).tobytes()
        order = tuple(axis for axis in axes if weight.shape[axis] > 1)
        places = (Place(s, axes) for s in starts if tflite[s : s + len(values)] == values)
        found.update({(place.start, *order): place for place in places})
    return next(iter(found.values())) if len(found) == 1 else None


def buffers(tflite: bytes) -> list[tuple[int, int]]:
    """Where each buffer's bytes begin in a model, and how many there are."""
    model = read(tflite)
    found = []
    for number in range(model.BuffersLength()):
        buffer = model.Buffers(number)
        if size := buffer.DataLength():
            table = buffer._tab
            found.append((int(table.Vector(table.Offset(DATA))), int(size)))
    return found


def put(
    tflite: bytes,
    places: Sequence[Place | None],
    weights: Sequence[NDArray[Any]],
    which: Sequence[int],
) -> bytes | None:
    """Other bytes with some weights at their places; None if one of these has none."""
    made = bytearray(tflite)
    for number in which:
        place, weight = places[number], weights[number]
        if place is None:
            return None
        made[place.start : place.start + weight.nbytes] = weight.transpose(place.axes).tobytes()
    return bytes(made)
