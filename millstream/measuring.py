"""The ladder climbed, each rung scored on its exported bytes and measured by what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from millstream.config_compress import CompressConfig
from millstream.measured import FLOAT32, Measured
from registry import Artifact, LadderSettings, LiteModel, SkippedRung, Subject, ladder
from registry.compress import FineTune
from registry.measure import Cost, measure_costs

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Score", "ladder_settings", "score_artifacts", "score_rungs", "with_costs"]

Score = Callable[["NDArray[np.float32]"], dict[str, float]]
"""Metric to value, of predictions for the rows of a test."""


def ladder_settings(section: CompressConfig, rungs: tuple[str, ...]) -> LadderSettings:
    """How to climb, as `[compress]` says."""
    return LadderSettings(
        rungs=rungs,
        sparsity=section.sparsity,
        tune=FineTune(epochs=section.fine_tune_epochs, distillation=section.distillation),
        timeout_s=section.timeout_s,
    )


def score_rungs(
    section: CompressConfig, subject: Subject, features: Mapping[str, NDArray[Any]], score: Score
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Climb the ladder and score each rung's bytes on the test rows.

    Args:
        section: which rungs.
        subject: the model.
        features: of the test rows, as the model takes them.
        score: of predictions for them.

    Returns:
        What was measured by rung, float32 always first; why the others were skipped.
    """
    climbed = ladder(subject, ladder_settings(section, section.rungs))
    artifacts = [rung for rung in climbed if isinstance(rung, Artifact)]
    skipped = {rung.rung: rung.reason for rung in climbed if isinstance(rung, SkippedRung)}
    return score_artifacts(artifacts, features, score), skipped


def score_artifacts(
    artifacts: Sequence[Artifact], features: Mapping[str, NDArray[Any]], score: Score
) -> dict[str, Measured]:
    """Score artifacts, float32 first, on the same rows; by rung, their sizes the only costs."""
    float32 = artifacts[0]
    outputs = {one.rung: LiteModel(one.tflite).predict(features) for one in artifacts}
    return {
        one.rung: Measured(
            one,
            float32.tflite,
            outputs[one.rung],
            score(outputs[one.rung]),
            apart(outputs[one.rung], outputs[FLOAT32]),
            Cost(one.bytes, one.gzip_bytes),
        )
        for one in artifacts
    }


def with_costs(
    section: CompressConfig, measured: Mapping[str, Measured], features: Mapping[str, NDArray[Any]]
) -> dict[str, Measured]:
    """The same with latency and memory, all rungs measured in one sitting."""
    costs = measure_costs(
        [one.artifact for one in measured.values()],
        features,
        calls=section.timed_calls,
        timeout_s=section.timeout_s,
    )
    return {name: replace(one, cost=costs[name]) for name, one in measured.items()}


def apart(output: NDArray[np.float32], reference: NDArray[np.float32]) -> float:
    """The largest difference of two models' predictions; 0 of no rows."""
    return float(np.max(np.abs(output - reference), initial=0.0))
