"""Compression of exported bytes: one rung a file, and the ladder that climbs them."""

from registry.compress.float16 import Float16
from registry.compress.int4 import Int4
from registry.compress.ladder import LadderSettings, ladder
from registry.compress.prune import Prune
from registry.compress.quantize import Quantize
from registry.compress.quantizer import Quantizer, default_quantizer
from registry.compress.rung import Rung
from registry.compress.static_int8 import StaticInt8
from registry.compress.subject import Examples, Subject

__all__ = [
    "Examples",
    "Float16",
    "Int4",
    "LadderSettings",
    "Prune",
    "Quantize",
    "Quantizer",
    "Rung",
    "StaticInt8",
    "Subject",
    "default_quantizer",
    "ladder",
]
