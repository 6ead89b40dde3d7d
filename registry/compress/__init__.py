"""Compression of exported bytes: one rung a file, and the ladder that climbs them."""

from registry.compress.ladder import LadderSettings, ladder
from registry.compress.prune import Prune
from registry.compress.quantize import Quantize
from registry.compress.quantizer import Quantizer, default_quantizer
from registry.compress.rung import Rung
from registry.compress.subject import Examples, Subject

__all__ = [
    "Examples",
    "LadderSettings",
    "Prune",
    "Quantize",
    "Quantizer",
    "Rung",
    "Subject",
    "default_quantizer",
    "ladder",
]
