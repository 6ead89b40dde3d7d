"""Compression of exported bytes: one rung a file, and the ladder that climbs them."""

from registry.compress.activations import CheaperActivations
from registry.compress.calibrated_int4 import CalibratedInt4
from registry.compress.channels import PruneChannels
from registry.compress.fine_tune import FineTune
from registry.compress.float16 import FLOAT16
from registry.compress.int4 import INT4
from registry.compress.int8 import INT8
from registry.compress.ladder import (
    BYTES,
    CHANGES,
    RUNGS,
    LadderSettings,
    climb,
    keeping,
    ladder,
    make_rung,
)
from registry.compress.layers import DropLayers
from registry.compress.naming import with_places
from registry.compress.prune import Prune
from registry.compress.quantizer import Quantizer, default_quantizer
from registry.compress.rung import Revertible, Rung, keep_in
from registry.compress.scheme import SchemeRung
from registry.compress.sharing import Sharing
from registry.compress.sparsify import Sparsify
from registry.compress.static_int8 import StaticInt8
from registry.compress.subject import Examples, Subject
from registry.compress.worst import OpError, worst_ops

__all__ = [
    "BYTES",
    "CHANGES",
    "FLOAT16",
    "INT4",
    "INT8",
    "RUNGS",
    "CalibratedInt4",
    "CheaperActivations",
    "DropLayers",
    "Examples",
    "FineTune",
    "LadderSettings",
    "OpError",
    "Prune",
    "PruneChannels",
    "Quantizer",
    "Revertible",
    "Rung",
    "SchemeRung",
    "Sharing",
    "Sparsify",
    "StaticInt8",
    "Subject",
    "climb",
    "default_quantizer",
    "keep_in",
    "keeping",
    "ladder",
    "make_rung",
    "with_places",
    "worst_ops",
]
