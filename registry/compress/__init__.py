"""Compression of exported bytes: one rung a file, and the ladder that climbs them."""

from registry.compress.activations import CheaperActivations
from registry.compress.channels import PruneChannels
from registry.compress.fine_tune import FineTune
from registry.compress.float16 import Float16
from registry.compress.int4 import Int4
from registry.compress.ladder import LadderSettings, ladder
from registry.compress.layers import DropLayers
from registry.compress.prune import Prune
from registry.compress.quantize import Quantize
from registry.compress.quantizer import Quantizer, default_quantizer
from registry.compress.rung import Rung
from registry.compress.sparsify import Sparsify
from registry.compress.static_int8 import StaticInt8
from registry.compress.subject import Examples, Subject

__all__ = [
    "CheaperActivations",
    "DropLayers",
    "Examples",
    "FineTune",
    "Float16",
    "Int4",
    "LadderSettings",
    "Prune",
    "PruneChannels",
    "Quantize",
    "Quantizer",
    "Rung",
    "Sparsify",
    "StaticInt8",
    "Subject",
    "default_quantizer",
    "ladder",
]
