"""What exported bytes cost to store and to run, all candidates in one sitting."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np

from registry.artifact import Artifact
from registry.measure.process import MeasurerFailed, default_measurer
from registry.scratch import scratch_folder

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["BATCHES", "Cost", "measure_costs"]

BATCHES = (1, 32)
COLUMN = "column "

log = logging.getLogger("millstream")


@dataclass(frozen=True)
class Cost:
    """What an artifact costs.

    Attributes:
        bytes: size of the flatbuffer.
        gzip_bytes: size as stored and sent.
        latency_ms: by batch size the median time of one call of LiteRT on one thread, without what
            surrounds it; empty where it was not measured.
        memory_bytes: by how much the private memory of a process grew that loaded the model and ran
            the largest batch; None where it was not measured.
    """

    bytes: int
    gzip_bytes: int
    latency_ms: Mapping[int, float] = field(default_factory=dict)
    memory_bytes: int | None = None


def measure_costs(
    artifacts: Sequence[Artifact],
    features: Mapping[str, NDArray[Any]],
    *,
    calls: int = 30,
    timeout_s: float = 60.0,
) -> dict[str, Cost]:
    """Measure artifacts in a process of their own, by turns, so that noise falls on all alike.

    A process that fails or takes too long costs the measurement, not the caller: sizes remain.

    Args:
        artifacts: of different rungs.
        features: rows to run, at least one: name -> `[rows, ...]`, as the models take them.
        calls: of each model and batch size that are timed, after some that are not; a slow model
            gets fewer. 0 measures sizes alone.
        timeout_s: for all of it.

    Returns:
        By rung.
    """
    found: dict[str, dict[str, Any]] = {}
    rows = min((len(column) for column in features.values()), default=0)
    if calls > 0 and rows > 0 and artifacts:
        found = ask_child(artifacts, features, calls, timeout_s)
    return {one.rung: make_cost(one, found.get(one.rung, {})) for one in artifacts}


def make_cost(artifact: Artifact, found: Mapping[str, Any]) -> Cost:
    """Sizes, and what the child found."""
    latency = {int(batch): float(ms) for batch, ms in found.get("latency_ms", {}).items()}
    return Cost(artifact.bytes, artifact.gzip_bytes, latency, found.get("memory_bytes"))


def ask_child(
    artifacts: Sequence[Artifact],
    features: Mapping[str, NDArray[Any]],
    calls: int,
    timeout_s: float,
) -> dict[str, dict[str, Any]]:
    """What the child found, by rung; nothing if it failed, which is logged."""
    with scratch_folder("measure") as scratch:
        for number, artifact in enumerate(artifacts):
            (scratch / f"{number}.tflite").write_bytes(artifact.tflite)
        np.savez(scratch / "rows.npz", **rows_for(features, max(BATCHES)))  # type: ignore[arg-type]
        request = {"folder": str(scratch), "calls": calls, "batches": BATCHES}
        try:
            answers = default_measurer().ask(request, timeout_s)
        except TimeoutError:
            log.warning("latency and memory of the rungs were not measured within %g s", timeout_s)
            return {}
        except MeasurerFailed as error:
            log.warning("latency and memory of the rungs could not be measured: %s", error)
            return {}
    return {one.rung: found for one, found in zip(artifacts, answers, strict=True)}


def rows_for(features: Mapping[str, NDArray[Any]], count: int) -> dict[str, NDArray[Any]]:
    """So many rows of each column, the first ones over and over where there are fewer.

    Names get something in front: `savez` has arguments of its own, such as `file`.
    """
    return {
        f"{COLUMN}{name}": np.asarray(column)[np.arange(count) % len(column)]
        for name, column in features.items()
    }
