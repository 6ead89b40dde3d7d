"""Which rounds stay whole: the newest, those that versions were made in, and those that wait."""

from __future__ import annotations

from millstream.errors import RoundStoreError
from millstream.pipeline import Pipeline
from millstream.rounds.folder import RoundFolder
from registry import StoreError

__all__ = ["needed_rounds", "prune"]


def prune(pipeline: Pipeline) -> None:
    """Remove weights of old rounds that no registered version needs."""
    if not pipeline.is_chief:
        return
    keep = pipeline.config.service.keep_rounds
    if len(pipeline.store.complete()) > keep and pipeline.store.prune(
        keep, needed_rounds(pipeline, keep)
    ):
        pipeline.past.prune(pipeline.store)
        pipeline.mirror.prune()


def needed_rounds(pipeline: Pipeline, every: int) -> set[int]:
    """The rounds that a registered version was made in.

    MLflow takes the longer to list versions the more there are, so it is asked after each so many
    rounds. Else, and while it is away, they are those that say so themselves, also if others have
    deleted their versions since.

    Args:
        pipeline: the parts.
        every: how many rounds.
    """
    latest = pipeline.store.latest()
    is_time = latest is not None and latest.number % every == 0
    if is_time and pipeline.reach.is_due:
        try:
            return {version.round for version in pipeline.registry.versions()}
        except StoreError as error:
            pipeline.reach.failed(error)
    return {folder.number for folder in pipeline.store.complete() if may_have_version(folder)}


def may_have_version(folder: RoundFolder) -> bool:
    """Whether a round says that it has a version, or cannot be asked."""
    try:
        return (folder.published() or {}).get("version") is not None
    except RoundStoreError:
        return True
