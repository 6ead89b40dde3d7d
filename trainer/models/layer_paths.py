"""Layers by their paths in a model, and by patterns of those."""

from collections.abc import Iterable, Iterator, Mapping
from fnmatch import fnmatchcase

import keras

from trainer.errors import ModelError
from trainer.hints import did_you_mean


def layers_by_path(model: keras.Model) -> dict[str, list[keras.layers.Layer]]:
    """Return every layer of a model, nested ones too, by the names from the outermost on.

    A layer `up` of a nested model `encoder` is "encoder/up". One that is shared is there once; a
    layer may contain several of one name, which then have one path.
    """
    found: dict[str, list[keras.layers.Layer]] = {}
    seen: set[int] = set()
    for path, layer in _walk(model, ""):
        if id(layer) not in seen:
            seen.add(id(layer))
            found.setdefault(path, []).append(layer)
    return dict(sorted(found.items()))


def children(layer: keras.layers.Layer) -> list[keras.layers.Layer]:
    """Return the layers that a layer directly consists of."""
    return list(layer._flatten_layers(include_self=False, recursive=False))


def chosen(layers: Mapping[str, object], patterns: Iterable[str], setting: str) -> list[str]:
    """Return the paths that patterns choose; what contains a layer chooses that, too.

    Args:
        layers: By path.
        patterns: With `*`, which also stands for several names, `?` and `[...]`.
        setting: Where the patterns are, for errors.

    Raises:
        ModelError: A pattern chooses nothing (with did-you-mean).
    """
    paths: set[str] = set()
    for pattern in patterns:
        matching = [path for path in layers if any(fnmatchcase(p, pattern) for p in _above(path))]
        if not matching:
            raise ModelError(
                setting,
                expected="patterns of paths of layers",
                got=f'"{pattern}", which is none of those that it could be',
                mend=did_you_mean(pattern, layers),
            )
        paths.update(matching)
    return [path for path in layers if path in paths]


def _walk(layer: keras.layers.Layer, prefix: str) -> Iterator[tuple[str, keras.layers.Layer]]:
    for child in children(layer):
        path = f"{prefix}{child.name}"
        yield path, child
        yield from _walk(child, f"{path}/")


def _above(path: str) -> list[str]:
    """A path and those of all that it lies in."""
    names = path.split("/")
    return ["/".join(names[:count]) for count in range(1, len(names) + 1)]
