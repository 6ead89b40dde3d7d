"""Surgery on Keras graphs: copy a model flat, cut channels out of it, take blocks out of it."""

from registry.compress.graph.copying import flat_copy
from registry.compress.graph.cutting import cut
from registry.compress.graph.rebuilding import rebuild
from registry.compress.graph.tracing import Channels, trace

__all__ = ["Channels", "cut", "flat_copy", "rebuild", "trace"]
