"""Step 6: what is promoted is what was measured, on the exported bytes.

Everything here is a function of the round's folder and the registry, so a restart can do it again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest import Rows
from millstream.curve import draw_curve
from millstream.pipeline import Pipeline
from millstream.prequential import champion_model
from millstream.round_store import RoundFolder
from registry import (
    Artifact,
    LadderSettings,
    LiteModel,
    ModelVersion,
    Publication,
    export_float32,
    ladder,
)

if TYPE_CHECKING:
    from trainer import Verdict

__all__ = ["publish_round"]


@dataclass(frozen=True)
class Measured:
    """A rung's bytes, and what they score on the test rows.

    Attributes:
        artifact: the bytes.
        scores: metric to value.
        difference: mean absolute difference of its outputs from float32's, in units of the
            standard deviation of float32's outputs.
    """

    artifact: Artifact
    scores: dict[str, float]
    difference: float


def publish_round(pipeline: Pipeline, folder: RoundFolder) -> None:
    """Compress, measure, register and perhaps promote a round's model; idempotent.

    A round that diverged or learned nothing has no version. A version that the gate refuses is
    registered with the reason, and never promoted.
    """
    if folder.published() is not None:
        return
    import trainer

    training = folder.report()["training"]
    obstacle = training["diverged"] or training["skipped"]
    if obstacle:
        folder.write_published({"version": None, "promoted": False, "reason": obstacle})
        return
    trainer.load(pipeline.learner.model, folder.weights)
    rows = Rows.load(folder.test_rows)
    measured, skipped = measure_rungs(pipeline, rows)
    champion, champion_scores = score_champion(pipeline, rows)
    chosen, verdict = choose(pipeline, measured, champion_scores, len(rows))
    outcome = {
        "rung": chosen.artifact.rung,
        "skipped_rungs": skipped,
        "float32_bytes": measured["float32"].artifact.bytes,
        "bytes": chosen.artifact.bytes,
        "gzip_bytes": chosen.artifact.gzip_bytes,
        "scores": chosen.scores,
        "output_difference": chosen.difference,
        "float32_scores": measured["float32"].scores,
        "champion_version": champion.version if champion else None,
        "champion_scores": champion_scores,
        "test_rows": len(rows),
    }
    publication = describe(pipeline, folder, chosen, verdict, outcome)
    version = pipeline.registry.publish(publication)
    folder.write_published(
        outcome
        | {
            "version": version.version,
            "run_id": version.run_id,
            "promoted": version.promoted,
            "reason": version.reason,
        }
    )


def measure_rungs(pipeline: Pipeline, rows: Rows) -> tuple[dict[str, Measured], dict[str, str]]:
    """Export the learner, climb the ladder, score each rung's bytes on the test rows.

    Returns:
        What was measured by rung, float32 always among them; why the others were skipped.
    """
    section = pipeline.config.compress
    climbed = ladder(
        export_float32(pipeline.learner.model),
        LadderSettings(
            rungs=("float32", *section.rungs),
            sparsity=section.sparsity,
            timeout_s=section.timeout_s,
        ),
    )
    features = rows.features(pipeline.schema)
    outputs = {a.rung: LiteModel(a.tflite).predict(features) for a in climbed.artifacts}
    reference = outputs["float32"]
    spread = max(float(np.std(reference)), 1e-6) if len(rows) else 1.0
    measured = {}
    for artifact in climbed.artifacts:
        output = outputs[artifact.rung]
        difference = float(np.mean(np.abs(output - reference))) / spread if len(rows) else 0.0
        measured[artifact.rung] = Measured(artifact, score_rows(pipeline, rows, output), difference)
    return measured, dict(climbed.skipped)


def score_rows(pipeline: Pipeline, rows: Rows, output: Any) -> dict[str, float]:
    """Scores of predictions on rows; empty for no rows."""
    import trainer

    if len(rows) == 0:
        return {}
    labels, weights = rows.labels(pipeline.schema), rows.weights(pipeline.schema)
    return trainer.score(pipeline.config.train.task, labels, output, weights)


def score_champion(
    pipeline: Pipeline, rows: Rows
) -> tuple[ModelVersion | None, dict[str, float] | None]:
    """The version to beat, and what its exported bytes score on the same rows."""
    champion = pipeline.registry.champion()
    if champion is None:
        return None, None
    output = champion_model(pipeline, champion).predict(rows.features(pipeline.schema))
    return champion, score_rows(pipeline, rows, output)


def choose(
    pipeline: Pipeline,
    measured: dict[str, Measured],
    champion_scores: dict[str, float] | None,
    rows: int,
) -> tuple[Measured, Verdict]:
    """The first configured rung that is as good as float32, and whether it beats the champion."""
    from trainer import Evidence

    def evidence(candidate: Measured, champion: dict[str, float] | None) -> Evidence:
        return Evidence(
            candidate=candidate.scores,
            float32=measured["float32"].scores,
            champion=champion,
            output_difference=candidate.difference,
            rows=rows,
        )

    wanted = [measured[r] for r in pipeline.config.compress.rungs if r in measured]
    faithful = (m for m in wanted if pipeline.gate.decide(evidence(m, None)).promote)
    chosen = next(faithful, measured["float32"])
    return chosen, pipeline.gate.decide(evidence(chosen, champion_scores))


def describe(
    pipeline: Pipeline,
    folder: RoundFolder,
    chosen: Measured,
    verdict: Verdict,
    outcome: dict[str, Any],
) -> Publication:
    """What the registry is told of the version: scores, lineage, files."""
    plan, report = folder.plan(), folder.report()
    train = pipeline.config.train
    tags = {
        "millstream.parent_round": str(plan.parent),
        "millstream.parent_version": str(outcome["champion_version"] or ""),
        "millstream.recipe": plan.recipe,
        "millstream.seed": str(plan.seed),
        "millstream.weights": folder.digest(),
        "millstream.gaps": str(len(plan.gaps)),
        "millstream.float32_bytes": str(outcome["float32_bytes"]),
    }
    for part in plan.ranges:
        tags[f"millstream.offsets.{part.topic}.{part.partition}"] = f"{part.start}-{part.end}"
    metrics = {f"test_{name}": value for name, value in chosen.scores.items()}
    for who in ("learner", "champion", "majority_class", "no_change"):
        for name, value in report["prequential"].get(who, {}).items():
            metrics[f"prequential_{who}_{name}"] = value
    rows = Rows.load(folder.test_rows).take(np.arange(min(3, outcome["test_rows"])))
    return Publication(
        round=plan.round,
        artifact=chosen.artifact,
        schema=pipeline.schema.to_json() | {"task": train.task, "metric": pipeline.config.metric},
        metrics=metrics,
        params={k: str(v) for k, v in train.model_dump(mode="json").items() if v is not None},
        tags=tags,
        example=rows.to_records(pipeline.schema),
        promote=verdict.promote,
        reason=verdict.reason,
        files={
            "plan.json": folder.path / "plan.json",
            "report.json": folder.path / "report.json",
            "prequential.png": draw_curve(pipeline.store, folder.path / "prequential.png"),
        },
    )
