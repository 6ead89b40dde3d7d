"""What the registry is told of a round: scores, lineage, an example, files."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ingest import Rows
from millstream.growing import schema_of, tags_of, vocabularies_of
from millstream.pipeline import Pipeline
from millstream.plain import finite
from millstream.prequential.curve import draw_curve
from millstream.publishing.card import make_card
from millstream.publishing.card_facts import gather_facts
from millstream.publishing.gate_report import gate_metrics, gate_tags
from millstream.publishing.lineage import records_of
from millstream.rounds.store import RoundFolder
from millstream.rungs.measured import Measured
from millstream.rungs.report import cost_tags, draw_rungs, report_rungs
from registry import KerasFile, Publication

if TYPE_CHECKING:
    from trainer import Verdict

__all__ = ["PARENT_TAG", "WEIGHTS_TAG", "describe"]

KERAS_TAG = "millstream.keras_sha256"
KERAS_CLASSES_TAG = "millstream.keras_classes"
PARENT_TAG = "millstream.parent_version"
WEIGHTS_TAG = "millstream.weights"
TOPIC_CHARS = 200  # MLflow takes 250 characters of a tag's name
TAG_CHARS = 4000  # and of its value 5000
MINUTE_MS = 60_000


def describe(
    pipeline: Pipeline,
    folder: RoundFolder,
    chosen: Measured,
    verdict: Verdict,
    outcome: dict[str, Any],
) -> Publication:
    """What the registry is told of the version: scores, lineage, files."""
    train = pipeline.config.train
    rows = Rows.load(folder.test_rows).sorted_by_identity()
    vocabularies = vocabularies_of(pipeline.schema, folder)
    schema = schema_of(pipeline.schema, vocabularies)
    facts = gather_facts(pipeline, folder, schema, rows, chosen, verdict, outcome)
    metrics = make_metrics(folder, chosen) | gate_metrics(verdict.numbers)
    return Publication(
        round=folder.number,
        artifact=chosen.artifact,
        float32=chosen.float32,
        schema=facts.schema,
        metrics=finite(metrics | interval_metrics(facts.intervals)),
        params={k: str(v) for k, v in train.model_dump(mode="json").items() if v is not None},
        tags={
            **make_tags(folder, outcome),
            **gate_tags(verdict.numbers, TAG_CHARS),
            **tags_of(vocabularies),
            **keras_tags(facts.keras),
            **cost_tags(chosen),
            "millstream.config": pipeline.config.fingerprint,
        },
        example=facts.example,
        promote=verdict.promote,
        reason=facts.reason,
        description=facts.gate,
        files=make_files(pipeline, folder, outcome["rungs"]),
        card=make_card(folder, pipeline.store.folder(0).plan().end, facts),
        keras=facts.keras,
        records=records_of(folder, schema),
        lineage=pipeline.store.folder(0).report()["lineage"],
        compared_with=outcome["champion_version"],
    )


def make_files(
    pipeline: Pipeline, folder: RoundFolder, rungs: list[dict[str, Any]]
) -> dict[str, Path]:
    """Further artifacts of the version, by their names among them."""
    path = folder.path
    files = {
        "plan.json": path / "plan.json",
        "report.json": path / "report.json",
        "rungs.json": report_rungs(pipeline, folder, rungs),
        "pareto.png": draw_rungs(pipeline, folder, rungs),
    }
    if begins_minute(pipeline, folder):
        files["prequential.png"] = draw_curve(pipeline.store, path / "prequential.png")
    return files


def begins_minute(pipeline: Pipeline, folder: RoundFolder) -> bool:
    """Whether a round is the first one of its minute, whose version has a picture of all rounds.

    Rounds of seconds would spend a good part of their time on what a later one shows, too.
    """
    plan = folder.plan()
    if not plan.parent:
        return True
    before = pipeline.store.folder(plan.parent).plan()
    return plan.created_ms // MINUTE_MS != before.created_ms // MINUTE_MS


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


def interval_metrics(intervals: Mapping[str, tuple[float, float]]) -> dict[str, float]:
    """The bounds as metrics beside the scores."""
    sides = (("low", 0), ("high", 1))
    return {
        f"test_{name}_{side}": bounds[place]
        for name, bounds in intervals.items()
        for side, place in sides
    }


def keras_tags(keras: KerasFile | None) -> dict[str, str]:
    """The digest of the `.keras` file, and what it needs to be loaded."""
    if keras is None:
        return {}
    needs = {KERAS_CLASSES_TAG: ", ".join(keras.classes)[:TAG_CHARS]} if keras.classes else {}
    return {KERAS_TAG: keras.sha256, **needs}
