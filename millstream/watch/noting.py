"""The end of step 6: what became of a round is written down, with its verdict and its latency."""

from __future__ import annotations

import logging
from typing import Any

from millstream.pipeline import Pipeline
from millstream.plain import finite
from millstream.rounds.store import RoundFolder
from millstream.watch.event_to_model import event_to_model
from millstream.watch.verdict import find_bottleneck
from registry import ModelVersion
from registry.tags import EVENT_TO_MODEL

__all__ = ["note_published"]

log = logging.getLogger("millstream")


def note_published(
    pipeline: Pipeline,
    folder: RoundFolder,
    outcome: dict[str, Any],
    version: ModelVersion | None = None,
) -> None:
    """Write `published.json`, durably, and show on the board what people look for in it.

    Args:
        pipeline: the parts.
        folder: the round's.
        outcome: what became of its model, with the seconds of publication.
        version: the one that it has; if it was promoted, its tags get the latency.

    Raises:
        StoreError: MLflow did not take the tags; then nothing is noted, and the round waits.
    """
    board = pipeline.board
    found = find_bottleneck(folder.report(), outcome, board.snapshot().lag)
    if found is not None:
        outcome = {**outcome, "verdict": found.to_json()}
        log.info("round %d was %s", folder.number, found.sentence, extra={"round": folder.number})
        board.update(verdict={"round": folder.number, **found.to_json()})
    promoted_at = version.promoted_at if version is not None and version.promoted else None
    if version is not None and promoted_at is not None:
        outcome = {**outcome, "promoted_ms": round(promoted_at.timestamp() * 1000)}
        latency = event_to_model(folder, promoted_at)
        if latency is not None:
            tell_latency(pipeline, folder, version, latency)
            outcome = {**outcome, "event_to_model": latency}
    folder.write_published(finite(outcome))


def tell_latency(
    pipeline: Pipeline, folder: RoundFolder, version: ModelVersion, latency: dict[str, Any]
) -> None:
    """Tell of a latency: the version's tags, the log and the board."""
    tags = {f"{EVENT_TO_MODEL}.{name}": f"{latency[name]:.3f}" for name in ("p50_s", "p95_s")}
    if any(version.tags.get(name) != value for name, value in tags.items()):
        pipeline.registry.note(version, tags)
    told = {"round": folder.number, "version": version.version, **latency}
    pipeline.board.update(event_to_model=told)
    log.info(
        "version %d has records of %s s ago (median) and %s s ago (95th percentile)",
        *(version.version, f"{latency['p50_s']:,.1f}", f"{latency['p95_s']:,.1f}"),
    )
    if latency["note"]:
        log.warning("round %d: %s", folder.number, latency["note"])
