"""Step 6: what is promoted is what was measured, on the exported bytes.

Everything here is a function of the round's folder and the registry, so a restart can do it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest import Rows
from millstream.champion import Champion, ask_champion, score_output
from millstream.describe import describe
from millstream.evidence import make_evidence
from millstream.fitting import exportable
from millstream.growing import schema_of, vocabularies_of
from millstream.measured import FLOAT32, Measured
from millstream.pipeline import Pipeline
from millstream.plain import finite
from millstream.promoting import champion_before, prune_versions, publish_until_decided
from millstream.round_store import RoundFolder
from millstream.seconds import Seconds
from millstream.workers.beat import unhurried
from millstream.workers.place import beat_of
from registry import (
    Artifact,
    ExportError,
    LadderSettings,
    LiteModel,
    LiteModelError,
    ModelVersion,
    Publication,
    SkippedRung,
    Subject,
    export_float32,
    ladder,
)

if TYPE_CHECKING:
    from trainer import Evidence, Verdict

__all__ = ["export_learner", "publish_round", "tell_champion"]

log = logging.getLogger("millstream")


def publish_round(pipeline: Pipeline, folder: RoundFolder) -> None:
    """Compress, measure, register and perhaps promote a round's model; idempotent.

    A round that diverged or learned nothing has no version. A version that the gate refuses is
    registered with the reason, and never promoted.

    Raises:
        StoreError: MLflow is away, or refused; then the round waits, and nothing is noted.
    """
    if folder.published() is not None:
        return
    import trainer

    training = folder.report()["training"]
    obstacle = training["diverged"] or training["skipped"]
    if obstacle:
        folder.write_published({"version": None, "promoted": False, "reason": obstacle})
        return
    seconds = Seconds()
    before = champion_before(pipeline, folder)  # if MLflow is away, nothing is exported in vain
    trainer.load(pipeline.learner.model, folder.weights)
    rows = Rows.load(folder.test_rows).sorted_by_identity()
    try:
        with seconds.part("export"), unhurried(beat_of(pipeline.config, 0)):
            measured, skipped = measure_rungs(pipeline, rows)
    except (LiteModelError, ExportError, trainer.MetricError, trainer.ModelError) as error:
        reason = f"the export cannot be measured: {error}"
        log.warning("round %d has no version: %s", folder.number, reason)
        folder.write_published({"version": None, "promoted": False, "reason": reason})
        return
    schema = schema_of(pipeline.schema, vocabularies_of(pipeline.schema, folder))

    def judge(to_beat: ModelVersion | None) -> tuple[Publication, dict[str, Any]]:
        champion = ask_champion(pipeline, to_beat, rows, schema)
        evidence = make_evidence(pipeline, folder, rows, measured, champion)
        chosen, verdict = choose(pipeline, measured, evidence)
        told = tell_verdict(verdict, champion, len(rows))
        noted = {**tell(chosen, measured[FLOAT32]), "skipped_rungs": skipped, **told}
        return describe(pipeline, folder, chosen, verdict, noted), noted

    outcome, version = publish_until_decided(pipeline, before, judge, seconds)
    pipeline.reach.answered()
    now = {name: getattr(version, name) for name in ("version", "run_id", "promoted", "reason")}
    folder.write_published(finite(outcome | now | {"seconds": seconds.read()}))
    tell_champion(pipeline)
    prune_versions(pipeline)


def tell_champion(pipeline: Pipeline) -> None:
    """Show on the board which version users pull, as far as is known."""
    current = pipeline.champions.champion()
    pipeline.board.update(champion=current.version if current else None)


def tell(chosen: Measured, reference: Measured) -> dict[str, Any]:
    """What was chosen and what it was compared with, as plain data."""
    return {
        "rung": chosen.artifact.rung,
        "float32_bytes": reference.artifact.bytes,
        "bytes": chosen.artifact.bytes,
        "gzip_bytes": chosen.artifact.gzip_bytes,
        "scores": chosen.scores,
        "output_difference": chosen.difference,
        "float32_scores": reference.scores,
    }


def export_learner(pipeline: Pipeline) -> bytes:
    """The learner's float32 export.

    Raises:
        ExportError: it cannot be exported.
    """
    import trainer

    model = exportable(pipeline.config, pipeline.learner.model)
    return export_float32(trainer.unsharded(model))


def tell_verdict(verdict: Verdict, champion: Champion, rows: int) -> dict[str, Any]:
    """What the gate found on so many test rows, and the version that it compared with."""
    return {
        "champion_version": champion.version.version if champion.version else None,
        "champion_scores": champion.scores,
        "champion_note": champion.note,
        "test_rows": rows,
        "gate": dict(verdict.numbers),
    }


def measure_rungs(pipeline: Pipeline, rows: Rows) -> tuple[dict[str, Measured], dict[str, str]]:
    """Export the learner, climb the ladder, score each rung's bytes on the test rows.

    Returns:
        What was measured by rung, float32 always among them; why the others were skipped.
    """
    section = pipeline.config.compress
    float32 = export_learner(pipeline)
    rungs = ladder(
        Subject(float32),
        LadderSettings(rungs=section.rungs, sparsity=section.sparsity, timeout_s=section.timeout_s),
    )
    features = rows.features(pipeline.schema)
    artifacts = [rung for rung in rungs if isinstance(rung, Artifact)]
    outputs = {a.rung: LiteModel(a.tflite).predict(features) for a in artifacts}
    measured = {}
    for artifact in artifacts:
        output = outputs[artifact.rung]
        apart = np.abs(output - outputs[FLOAT32])
        difference = float(np.max(apart, initial=0.0))
        scores = score_output(pipeline, rows, output)
        measured[artifact.rung] = Measured(artifact, float32, output, scores, difference)
    return measured, {rung.rung: rung.reason for rung in rungs if isinstance(rung, SkippedRung)}


def choose(
    pipeline: Pipeline,
    measured: Mapping[str, Measured],
    evidence: Callable[[Measured], Evidence],
) -> tuple[Measured, Verdict]:
    """The first configured rung that is as good as float32, and whether it may be promoted."""
    gate = pipeline.gate
    wanted = [measured[r] for r in pipeline.config.compress.rungs if r in measured]
    faithful = (m for m in wanted if gate.unfaithful(evidence(m)) is None)
    chosen = next(faithful, measured[FLOAT32])
    return chosen, gate.decide(evidence(chosen))
