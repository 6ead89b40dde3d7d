"""Proofs for parts of your own: call one in a test, with a function that makes your part.

Each raises AssertionError saying which promise of the protocol does not hold, and for what.
"""

from ingest import (
    check_decoder,
    check_sampler,
    check_sampler_uniform,
    check_sampler_weights,
    check_source,
)
from ingest.augment.checks import check_augmentation
from registry import check_rung
from trainer import check_gate, check_trigger

__all__ = [
    "check_augmentation",
    "check_decoder",
    "check_gate",
    "check_rung",
    "check_sampler",
    "check_sampler_uniform",
    "check_sampler_weights",
    "check_source",
    "check_trigger",
]
