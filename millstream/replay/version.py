"""Replay of a registered version: its round, found by its tags, and its exported bytes."""

from __future__ import annotations

import numpy as np

from ingest import Rows
from millstream.config.compress import CompressConfig
from millstream.errors import ReplayError
from millstream.pipeline import Pipeline
from millstream.publishing.describe import WEIGHTS_TAG
from millstream.publishing.publish import make_subject
from millstream.replay.outcome import ArtifactReplay
from millstream.rounds.store import RoundStore
from millstream.rungs.measured import FLOAT32
from millstream.rungs.measuring import ladder_settings
from millstream.rungs.report import kept_of
from registry import (
    Artifact,
    ExportError,
    LiteModel,
    ModelRegistry,
    ModelVersion,
    Reference,
    SkippedRung,
    Subject,
)
from registry.compress import climb, keeping

__all__ = ["check_round", "export_again", "find_version"]

LINEAGE_TAG = "millstream.lineage"
SHA256_TAG = "millstream.sha256"
CONFIG_TAG = "millstream.config"


def find_version(registry: ModelRegistry, reference: Reference) -> ModelVersion:
    """The version that a person names.

    Args:
        registry: of any model; its store is asked.
        reference: the model, and a version or an alias of it.

    Raises:
        registry.VersionNotFound: it names nothing.
        registry.StoreError: MLflow cannot be reached, or refused.
    """
    return ModelRegistry(reference.name, registry.tracking_uri).find(reference)


def check_round(store: RoundStore, version: ModelVersion) -> int:
    """The round of the state folder that made a version.

    Raises:
        ReplayError: the version is of another state folder, or not of millstream at all, or the
            round has other weights than the version was made of.
    """
    what = f"{version.name}/{version.version}"
    if version.round < 0:
        raise ReplayError(f"{what}: expected a version that millstream published, got another")
    rounds = store.complete()
    lineage = rounds[0].report()["lineage"] if rounds else "none"
    if version.tags.get(LINEAGE_TAG) != lineage:
        raise ReplayError(
            f"{what}: it was made in the state folder of lineage"
            f" {version.tags.get(LINEAGE_TAG)}, this one has lineage {lineage}; name the"
            " configuration of that one with --config"
        )
    if version.round >= len(rounds):
        raise ReplayError(
            f"{what}: it was made in round {version.round}, the state folder has rounds up to"
            f" {len(rounds) - 1}; restore it from a backup that has this one"
        )
    recorded, tagged = rounds[version.round].digest(), version.tags.get(WEIGHTS_TAG)
    if tagged != recorded:
        raise ReplayError(
            f"{what}: it was made of weights {str(tagged)[:12]}, round {version.round} of the"
            f" state folder has {recorded[:12]}; one of both was changed"
        )
    return version.round


def export_again(pipeline: Pipeline, version: ModelVersion, tolerance: float) -> ArtifactReplay:
    """Export the learner as the version was, and compare bytes, else predictions.

    The export gives the same bytes for the same weights, if the model's layers have the same names:
    those that Keras makes up count the models of a process. So bytes that differ are asked what
    they predict for the round's test rows.

    Args:
        pipeline: the parts; the learner has the replayed weights.
        version: the registered one.
        tolerance: how far predictions may be apart.
    """
    section = pipeline.config.compress
    what = f"{version.name}/{version.version}"
    recorded, note = version.tags.get(SHA256_TAG, ""), ""
    if version.tags.get(CONFIG_TAG) not in (None, pipeline.config.fingerprint):
        note = "the configuration is another than then, perhaps [compress]"
    try:
        subject = make_subject(pipeline, pipeline.store.folder(version.round))
    except ExportError as error:
        return ArtifactReplay(what, version.rung, recorded, "", note=str(error))
    rung = climb_again(section, subject, version)
    if isinstance(rung, SkippedRung):
        return ArtifactReplay(what, version.rung, recorded, "", note=rung.reason)
    if rung.sha256 == recorded:
        return ArtifactReplay(what, version.rung, recorded, rung.sha256)
    apart = predictions_apart(pipeline, version, rung)
    return ArtifactReplay(what, version.rung, recorded, rung.sha256, apart, tolerance, note)


def climb_again(
    section: CompressConfig, subject: Subject, version: ModelVersion
) -> Artifact | SkippedRung:
    """The rung of a version, with what it was shipped with in larger numbers."""
    if version.rung == FLOAT32:
        return Artifact(FLOAT32, subject.float32)
    settings = ladder_settings(section, (version.rung,))
    return climb(keeping(version.rung, kept_of(version.tags), settings), subject)


def predictions_apart(pipeline: Pipeline, version: ModelVersion, rung: Artifact) -> float | None:
    """The largest difference of two predictions; None without test rows to predict."""
    rows = Rows.load(pipeline.store.folder(version.round).test_rows)
    if not len(rows):
        return None
    features = rows.features(pipeline.schema)
    registered = LiteModel(pipeline.registry.tflite(version)).predict(features)
    return float(np.max(np.abs(LiteModel(rung.tflite).predict(features) - registered)))
