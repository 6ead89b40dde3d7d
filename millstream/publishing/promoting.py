"""The end of step 6: the gate's word is carried out, or the gate is asked again."""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from millstream.pipeline import Pipeline
from millstream.publishing.describe import PARENT_TAG, WEIGHTS_TAG
from millstream.rounds.store import RoundFolder
from millstream.watch.seconds import Seconds
from registry import ModelVersion, Publication, RegistryError, VersionNotFound

__all__ = ["Judge", "champion_before", "prune_versions", "publish_until_decided"]

log = logging.getLogger("millstream")
TRIES = 3
Judge = Callable[[ModelVersion | None], tuple[Publication, dict[str, Any]]]
"""From the version to beat to the gate's verdict, and what is noted of it."""


def champion_before(pipeline: Pipeline, folder: RoundFolder) -> ModelVersion | None:
    """The version to beat.

    When a kill came after this round was promoted and before that was noted, the champion is this
    very round; the version to beat is then the one that its own tag names, if it is still there.
    """
    champion = pipeline.registry.champion()
    if champion is None or champion.tags.get(WEIGHTS_TAG) != folder.digest():
        return champion
    before = champion.tags.get(PARENT_TAG)
    try:
        return pipeline.registry.version(int(before)) if before else None
    except VersionNotFound:
        return None


def publish_until_decided(
    pipeline: Pipeline, before: ModelVersion | None, judge: Judge, seconds: Seconds
) -> tuple[dict[str, Any], ModelVersion]:
    """Publish a round as the gate says, which is asked again if the champion changes meanwhile.

    Whoever changed it, another service or a person, is not overruled by a comparison with the one
    before. After `TRIES` changes the version stays what it is, not promoted.

    Args:
        pipeline: the parts.
        before: the version to beat.
        judge: compares with it.
        seconds: of the parts "gate" and "register".

    Returns:
        What is noted of the verdict that held, and the version.
    """
    for _ in range(TRIES):
        with seconds.part("gate"):
            publication, noted = judge(before)
        with seconds.part("register"):
            version = pipeline.registry.publish(publication)
        if version.is_decided:
            return noted, version
        log.warning("version %d: %s; the gate is asked again", version.version, version.reason)
        before = pipeline.registry.champion()
    reason = f"the champion changed {TRIES} times while the gate was asked: {version.reason}"
    refused = replace(publication, promote=False, reason=reason)
    return noted, pipeline.registry.publish(refused)


def prune_versions(pipeline: Pipeline) -> None:
    """Keep as many versions as `registry.keep_versions` says; a failure waits for the next round.

    Nothing depends on it: what stays is only more than it has to be.
    """
    keep = pipeline.config.registry.keep_versions
    if keep is None:
        return
    try:
        found = pipeline.registry.prune(keep)
    except RegistryError as error:
        log.warning("old versions stay for now: %s", error)
        return
    if found.deleted:
        numbers = ", ".join(str(number) for number in found.deleted)
        log.info("deleted versions beyond the %d newest: %s", keep, numbers)
