"""Step 6: what is promoted is what was measured, on the exported bytes.

Everything here is a function of the round's folder and the registry, so a restart can do it again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from ingest import Rows
from millstream.fitting import exportable
from millstream.growing import schema_of, vocabularies_of
from millstream.pipeline import Pipeline
from millstream.publishing.champion import Champion, ask_champion, score_output
from millstream.publishing.describe import describe
from millstream.publishing.evidence import make_evidence
from millstream.publishing.promoting import (
    Judge,
    champion_before,
    prune_versions,
    publish_until_decided,
)
from millstream.recipe import round_seed
from millstream.rounds.store import RoundFolder
from millstream.rungs.choice import choose_rung
from millstream.rungs.examples import read_examples
from millstream.rungs.measured import FLOAT32, Measured
from millstream.rungs.measuring import score_rungs, with_costs
from millstream.rungs.report import tell_rungs
from millstream.rungs.reverting import revert
from millstream.watch.noting import note_published
from millstream.watch.seconds import Seconds
from millstream.workers.beat import unhurried
from millstream.workers.place import beat_of
from registry import (
    ExportError,
    LiteModelError,
    ModelVersion,
    Publication,
    PublicationError,
    Subject,
    export_again,
)
from registry.compress import Sharing

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from trainer import Comparison, Evidence, Verdict

__all__ = ["make_subject", "publish_round", "tell_champion"]

log = logging.getLogger("millstream")
TOLD = ("version", "run_id", "promoted", "reason", "rung", "bytes", "gzip_bytes")
"""Of the version as it is: an earlier attempt may have made it, by another choice of rungs."""


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
        note_published(pipeline, folder, {"version": None, "promoted": False, "reason": obstacle})
        return
    seconds = Seconds()
    before = champion_before(pipeline, folder)  # if MLflow is away, nothing is exported in vain
    trainer.load(pipeline.learner.model, folder.weights)
    rows = Rows.load(folder.test_rows).sorted_by_identity()
    try:
        with seconds.part("export"), unhurried(beat_of(pipeline.config, 0)):
            measured, skipped = measure_rungs(pipeline, folder, rows)
    except (LiteModelError, ExportError, trainer.MetricError, trainer.ModelError) as error:
        write_no_version(pipeline, folder, f"the export cannot be measured: {error}")
        return
    judge = make_judge(pipeline, folder, rows, measured, skipped)
    try:
        outcome, version = publish_until_decided(pipeline, before, judge, seconds)
    except PublicationError as error:
        write_no_version(pipeline, folder, f"it cannot be registered: {error}")
        return
    pipeline.reach.answered()
    now = {name: getattr(version, name) for name in TOLD}
    note_published(pipeline, folder, outcome | now | {"seconds": seconds.read()}, version)
    tell_champion(pipeline)
    prune_versions(pipeline)


def write_no_version(pipeline: Pipeline, folder: RoundFolder, reason: str) -> None:
    """Note that a round has no version, and why; the next round goes on all the same."""
    log.warning("round %d has no version: %s", folder.number, reason)
    note_published(pipeline, folder, {"version": None, "promoted": False, "reason": reason})


def measure_rungs(
    pipeline: Pipeline, folder: RoundFolder, rows: Rows
) -> tuple[dict[str, Measured], dict[str, str]]:
    """Climb the ladder, mend what failed by a little, and measure all: by rung; why some are not.

    Args:
        pipeline: the parts; the learner has the round's weights.
        folder: the round's.
        rows: its test rows, with codes for words.
    """
    section, features = pipeline.config.compress, rows.features(pipeline.schema)
    shared = Sharing(make_subject(pipeline, folder))

    def score(output: NDArray[np.float32]) -> dict[str, float]:
        return score_output(pipeline, rows, output)

    scored, skipped = score_rungs(section, shared, features, score)
    evidence = make_evidence(pipeline, folder, rows, scored, Champion())
    mended = revert(section, pipeline.gate, shared, scored, features, score, evidence)
    return with_costs(section, mended, features), skipped


def make_judge(
    pipeline: Pipeline,
    folder: RoundFolder,
    rows: Rows,
    measured: Mapping[str, Measured],
    skipped: Mapping[str, str],
) -> Judge:
    """What chooses a rung and asks the gate, given the version to beat.

    Args:
        pipeline: the parts.
        folder: the round's.
        rows: its test rows, with codes for words.
        measured: by rung, on these rows.
        skipped: by rung why it could not be climbed.
    """
    schema = schema_of(pipeline.schema, vocabularies_of(pipeline.schema, folder))

    def judge(to_beat: ModelVersion | None) -> tuple[Publication, dict[str, Any]]:
        champion = ask_champion(pipeline, to_beat, rows, schema)
        evidence = make_evidence(pipeline, folder, rows, measured, champion)
        choice = choose_rung(pipeline.config.compress, pipeline.gate, measured, evidence)
        verdict = pipeline.gate.decide(evidence(choice.chosen))
        against = against_champion(pipeline, measured, evidence)
        rungs = tell_rungs(measured, choice, skipped, against)
        told = tell_verdict(verdict, champion, len(rows))
        noted = {**tell(choice.chosen, measured[FLOAT32]), "rungs": rungs, **told}
        return describe(pipeline, folder, choice.chosen, verdict, noted), noted

    return judge


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


def make_subject(pipeline: Pipeline, folder: RoundFolder) -> Subject:
    """What the ladder starts from: the learner as it is, and what a round keeps for its rungs.

    Args:
        pipeline: the parts; the learner has the round's weights.
        folder: the round's.

    Raises:
        ExportError: the learner cannot be exported.
        trainer.ModelError: the model file builds another model now.
    """
    import trainer

    model = trainer.unsharded(exportable(pipeline.config, pipeline.learner.model))
    plan = folder.plan()
    schema = schema_of(pipeline.schema, vocabularies_of(pipeline.schema, folder))
    return Subject(
        export_again(model),
        model,
        pipeline.learner.model.loss,
        read_examples(folder, schema),
        round_seed(plan.seed, plan.round),
    )


def tell_verdict(verdict: Verdict, champion: Champion, rows: int) -> dict[str, Any]:
    """What the gate found on so many test rows, and the version that it compared with."""
    return {
        "champion_version": champion.version.version if champion.version else None,
        "champion_scores": champion.scores,
        "champion_note": champion.note,
        "test_rows": rows,
        "gate": dict(verdict.numbers),
    }


def against_champion(
    pipeline: Pipeline, measured: Mapping[str, Measured], evidence: Callable[[Measured], Evidence]
) -> dict[str, Comparison]:
    """Each rung against the champion row by row, to be seen; the gate judges the chosen one."""
    gate = pipeline.gate
    found = {}
    for name, one in measured.items():
        seen = evidence(one)
        if seen.answers is not None and seen.answers.champion is not None:
            found[name] = gate.test.compare(seen.answers, gate.metric, 0.0, seen.seed)
    return {name: comparison for name, comparison in found.items() if comparison is not None}
