"""Samplers: small samples that stand for all that was offered."""

from ingest.sampling.bottom_k import BottomK
from ingest.sampling.sampler import Sampler, SamplerState

__all__ = ["BottomK", "Sampler", "SamplerState"]
