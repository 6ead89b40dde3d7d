"""Samplers: small samples that stand for all that was offered."""

from ingest.sampling.allocation import Allocation
from ingest.sampling.balanced import Balanced
from ingest.sampling.bottom_k import BottomK
from ingest.sampling.recent import Recent
from ingest.sampling.sampler import Sampler, SamplerState
from ingest.sampling.stratified import Stratified
from ingest.sampling.uniform import Uniform
from ingest.sampling.weighted import Weighted
from ingest.sampling.weighting import Weighting

__all__ = [
    "Allocation",
    "Balanced",
    "BottomK",
    "Recent",
    "Sampler",
    "SamplerState",
    "Stratified",
    "Uniform",
    "Weighted",
    "Weighting",
]
