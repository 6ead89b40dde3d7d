"""The ladder climbed, each rung scored on its exported bytes and measured by what it costs."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np

from millstream.config.compress import CompressConfig
from millstream.rungs.measured import FLOAT32, Measured
from registry import Artifact, LadderSettings, LiteModel, LiteModelError, ladder
from registry.compress import FineTune, Sharing
from registry.measure import Cost, measure_costs

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = [
    "Score",
    "ladder_settings",
    "score_artifact",
    "score_artifacts",
    "score_rungs",
    "with_costs",
]

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
    section: CompressConfig, shared: Sharing, features: Mapping[str, NDArray[Any]], score: Score
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Climb the ladder and score each rung's bytes on the test rows.

    Args:
        section: which rungs.
        shared: of the model; it remembers what the rungs changed, for `revert`.
        features: of the test rows, as the model takes them.
        score: of predictions for them.

    Returns:
        What was measured by rung, float32 always first; why the others were skipped.

    Raises:
        registry.LiteModelError: the float32 bytes do not run on these rows.
        trainer.MetricError: what they predict does not fit the task.
    """
    import trainer

    settings = ladder_settings(section, section.rungs)
    climbed = ladder(shared.subject, settings, sharing=shared)
    found = score_artifacts(
        [one for one in climbed[:1] if isinstance(one, Artifact)], features, score
    )
    skipped = {}
    for one in climbed[1:]:
        try:
            if isinstance(one, Artifact):
                found[one.rung] = score_artifact(one, found[FLOAT32], features, score)
            else:
                skipped[one.rung] = one.reason
        except (LiteModelError, trainer.MetricError) as error:
            skipped[one.rung] = f"its bytes cannot be scored: {error}"
    return found, skipped


def score_artifacts(
    artifacts: Sequence[Artifact], features: Mapping[str, NDArray[Any]], score: Score
) -> dict[str, Measured]:
    """Score artifacts, float32 first, on the same rows; by rung, their sizes the only costs."""
    float32 = artifacts[0]
    output = LiteModel(float32.tflite).predict(features)
    size = Cost(float32.bytes, float32.gzip_bytes)
    reference = Measured(float32, float32.tflite, output, score(output), 0.0, size)
    others = {one.rung: score_artifact(one, reference, features, score) for one in artifacts[1:]}
    return {float32.rung: reference, **others}


def score_artifact(
    one: Artifact, float32: Measured, features: Mapping[str, NDArray[Any]], score: Score
) -> Measured:
    """Score an artifact on the rows that float32 was scored on."""
    output = LiteModel(one.tflite).predict(features)
    difference = apart(output, float32.output)
    size = Cost(one.bytes, one.gzip_bytes)
    return Measured(one, float32.float32, output, score(output), difference, size)


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
