"""Proofs for parts of your own: call one in a test, with a function that makes your part.

Each check raises AssertionError saying which promise of the protocol does not hold, and for what.
`run_workers` runs a function in several workers that are threads, each with its own
`ThreadCommunicator`: for tests of what workers say to each other.
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
from trainer import (
    ThreadCommunicator,
    check_communicator,
    check_drift_detector,
    check_gate,
    check_trigger,
    run_workers,
)

__all__ = [
    "ThreadCommunicator",
    "check_augmentation",
    "check_communicator",
    "check_decoder",
    "check_drift_detector",
    "check_gate",
    "check_rung",
    "check_sampler",
    "check_sampler_uniform",
    "check_sampler_weights",
    "check_source",
    "check_trigger",
    "run_workers",
]
