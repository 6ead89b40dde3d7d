"""Step 6: what is promoted is what was measured, on the exported bytes.

Everything here is a function of the round's folder and the registry, so a restart can do it again.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest import Rows
from millstream.curve import draw_curve
from millstream.example import raw_columns
from millstream.pipeline import Pipeline
from millstream.prequential import champion_model
from millstream.round_store import RoundFolder
from registry import (
    Artifact,
    LadderSettings,
    LiteModel,
    ModelVersion,
    Publication,
    SkippedRung,
    export_float32,
    ladder,
)

if TYPE_CHECKING:
    from trainer import Verdict

__all__ = ["publish_round"]

FLOAT32 = "float32"


@dataclass(frozen=True)
class Measured:
    """A rung's bytes, and what they score on the test rows.

    Attributes:
        artifact: the bytes.
        scores: metric to value.
        difference: largest absolute difference of an output from float32's on these rows.
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
        "float32_bytes": measured[FLOAT32].artifact.bytes,
        "bytes": chosen.artifact.bytes,
        "gzip_bytes": chosen.artifact.gzip_bytes,
        "scores": chosen.scores,
        "output_difference": chosen.difference,
        "float32_scores": measured[FLOAT32].scores,
        "champion_version": champion.version if champion else None,
        "champion_scores": champion_scores,
        "test_rows": len(rows),
    }
    float32 = measured[FLOAT32].artifact.tflite
    publication = describe(pipeline, folder, chosen, verdict, float32, outcome)
    version = pipeline.registry.publish(publication)
    current = pipeline.registry.champion()
    pipeline.board.update(champion=current.version if current else None)
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
    rungs = ladder(
        export_float32(pipeline.learner.model),
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
        measured[artifact.rung] = Measured(artifact, score_rows(pipeline, rows, output), difference)
    return measured, {rung.rung: rung.reason for rung in rungs if isinstance(rung, SkippedRung)}


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
            float32=measured[FLOAT32].scores,
            champion=champion,
            output_difference=candidate.difference,
            rows=rows,
        )

    wanted = [measured[r] for r in pipeline.config.compress.rungs if r in measured]
    faithful = (m for m in wanted if pipeline.gate.decide(evidence(m, None)).promote)
    chosen = next(faithful, measured[FLOAT32])
    return chosen, pipeline.gate.decide(evidence(chosen, champion_scores))


def describe(
    pipeline: Pipeline,
    folder: RoundFolder,
    chosen: Measured,
    verdict: Verdict,
    float32: bytes,
    outcome: dict[str, Any],
) -> Publication:
    """What the registry is told of the version: scores, lineage, files."""
    train = pipeline.config.train
    rows = Rows.load(folder.test_rows)
    return Publication(
        round=folder.number,
        artifact=chosen.artifact,
        float32=float32,
        schema=pipeline.schema.to_json() | {"task": train.task, "metric": pipeline.config.metric},
        metrics=make_metrics(folder.report(), chosen),
        params={k: str(v) for k, v in train.model_dump(mode="json").items() if v is not None},
        tags=make_tags(folder, outcome),
        example=raw_columns(rows.take(np.arange(min(3, len(rows)))), pipeline.schema),
        promote=verdict.promote,
        reason=verdict.reason,
        files={
            "plan.json": folder.path / "plan.json",
            "report.json": folder.path / "report.json",
            "prequential.png": draw_curve(pipeline.store, folder.path / "prequential.png"),
        },
        lineage=pipeline.store.folder(0).report()["lineage"],
    )


def make_metrics(report: dict[str, Any], chosen: Measured) -> dict[str, float]:
    """Numbers for MLflow: the exported bytes' scores, prequential scores, what the round took."""
    metrics = {f"test_{name}": value for name, value in chosen.scores.items()}
    for who in ("learner", "champion", "majority_class", "no_change"):
        for name, value in report["prequential"].get(who, {}).items():
            metrics[f"prequential_{who}_{name}"] = value
    counts, training = report["counts"], report["training"]
    return metrics | {
        "records": counts["seen"],
        "bad_records": counts["bad"],
        "sampled": report["sampled"],
        "epochs": training["epochs"],
        "train_seconds": training["seconds"],
        "output_difference": chosen.difference,
    }


def make_tags(folder: RoundFolder, outcome: dict[str, Any]) -> dict[str, str]:
    """Lineage: which records, which settings, which weights, which parent."""
    plan = folder.plan()
    offsets = {
        f"millstream.offsets.{part.topic}.{part.partition}": f"{part.start}-{part.end}"
        for part in plan.ranges
    }
    return offsets | {
        "millstream.parent_round": str(plan.parent),
        "millstream.parent_version": str(outcome["champion_version"] or ""),
        "millstream.recipe": plan.recipe,
        "millstream.seed": str(plan.seed),
        "millstream.weights": folder.digest(),
        "millstream.gaps": json.dumps([gap.to_json() for gap in plan.gaps]),
        "millstream.float32_bytes": str(outcome["float32_bytes"]),
    }
