"""What the registry is told of a round: scores, lineage, an example, files."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from ingest import Rows
from millstream.curve import draw_curve
from millstream.example import raw_columns
from millstream.gate_report import gate_metrics, gate_tags, gate_text
from millstream.growing import schema_of, tags_of, vocabularies_of
from millstream.measured import Measured
from millstream.pipeline import Pipeline
from millstream.plain import finite
from millstream.round_store import RoundFolder
from registry import Publication

if TYPE_CHECKING:
    from trainer import Verdict

__all__ = ["PARENT_TAG", "WEIGHTS_TAG", "describe"]

PARENT_TAG = "millstream.parent_version"
WEIGHTS_TAG = "millstream.weights"
TOPIC_CHARS = 200  # MLflow takes 250 characters of a tag's name
TAG_CHARS = 4000  # and of its value 5000


def describe(
    pipeline: Pipeline,
    folder: RoundFolder,
    chosen: Measured,
    verdict: Verdict,
    outcome: dict[str, Any],
) -> Publication:
    """What the registry is told of the version: scores, lineage, files."""
    train = pipeline.config.train
    rows = Rows.load(folder.test_rows)
    vocabularies = vocabularies_of(pipeline.schema, folder)
    schema = schema_of(pipeline.schema, vocabularies)
    reason = "; ".join(part for part in (verdict.reason, outcome["champion_note"]) if part)
    return Publication(
        round=folder.number,
        artifact=chosen.artifact,
        float32=chosen.float32,
        schema=schema.to_json() | {"task": train.task, "metric": pipeline.config.metric},
        metrics=finite(make_metrics(folder, chosen) | gate_metrics(verdict.numbers)),
        params={k: str(v) for k, v in train.model_dump(mode="json").items() if v is not None},
        tags={
            **make_tags(folder, outcome),
            **gate_tags(verdict.numbers, TAG_CHARS),
            **tags_of(vocabularies),
            "millstream.config": pipeline.config.fingerprint,
        },
        example=raw_columns(rows.take(np.arange(min(3, len(rows)))), schema),
        promote=verdict.promote,
        reason=reason,
        description=gate_text(reason, verdict.numbers, outcome["champion_version"]),
        files={
            "plan.json": folder.path / "plan.json",
            "report.json": folder.path / "report.json",
            "prequential.png": draw_curve(pipeline.store, folder.path / "prequential.png"),
        },
        lineage=pipeline.store.folder(0).report()["lineage"],
        compared_with=outcome["champion_version"],
    )


def make_metrics(folder: RoundFolder, chosen: Measured) -> dict[str, float]:
    """Numbers for MLflow: the exported bytes' scores, prequential scores, what the round took."""
    report = folder.report()
    metrics = {f"test_{name}": value for name, value in chosen.scores.items()}
    for who in ("learner", "champion", "majority_class", "no_change"):
        for name, value in report["prequential"].get(who, {}).items():
            metrics[f"prequential_{who}_{name}"] = value
    counts, training = report["counts"], report["training"]
    for name in ("rows", "recalled", "ratio", "score"):
        if (value := report.get("history", {}).get(name)) is not None:
            metrics[f"history_{name}"] = value
    return metrics | {
        "records": counts["seen"],
        "bad_records": counts["bad"],
        "unchecked_records": counts.get("unchecked", 0),
        "missing_records": folder.plan().missing,
        "sampled": report["sampled"],
        "epochs": training["epochs"],
        "train_seconds": training["seconds"],
        "output_difference": chosen.difference,
    }


def make_tags(folder: RoundFolder, outcome: dict[str, Any]) -> dict[str, str]:
    """Lineage: which records, which settings, which weights, which parent."""
    plan = folder.plan()
    offsets = {
        f"millstream.offsets.{r.topic[:TOPIC_CHARS]}.{r.partition}": f"{r.start}-{r.end}"
        for r in plan.ranges
    }
    gaps: dict[str, list[str]] = {}
    for gap in plan.gaps:
        name = f"millstream.gap.{gap.topic[:TOPIC_CHARS]}.{gap.partition}"
        gaps.setdefault(name, []).append(f"{gap.start}-{gap.end}")
    told = {name: " ".join(ranges)[:TAG_CHARS] for name, ranges in gaps.items()}
    return (
        offsets
        | told
        | {
            "millstream.parent_round": str(plan.parent),
            PARENT_TAG: str(outcome["champion_version"] or ""),
            "millstream.recipe": plan.recipe,
            "millstream.seed": str(plan.seed),
            WEIGHTS_TAG: folder.digest(),
            "millstream.gaps": str(len(plan.gaps)),
            "millstream.float32_bytes": str(outcome["float32_bytes"]),
        }
    )
