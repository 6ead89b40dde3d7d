"""Step 5 of a round: all that later rounds depend on, durably, and the marker DONE last.

Of several workers each writes what only it has, the first one all else; and that one writes the
marker when all have written.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any

from ingest import Rows
from millstream.fault import fault_point
from millstream.pipeline import Pipeline
from millstream.plain import finite
from millstream.rehearsal import Rehearsal
from millstream.rungs.examples import save_examples
from millstream.training_rows import window_rows
from millstream.turn import Trained, Turn
from millstream.watch.event_to_model import tell_event_times
from millstream.workers.rows import save_rows
from millstream.workers.together import check_same, wait_for_all

__all__ = ["checkpoint"]


def checkpoint(
    pipeline: Pipeline,
    turn: Turn,
    tested: dict[str, Any],
    remembered: Rehearsal,
    trained: Trained,
) -> None:
    """Make the round real. Everything is durable before the marker is."""
    pipeline.board.update(step=5)
    fault_point("5.before")
    with turn.seconds.part("checkpoint"):
        digest = save_state(pipeline, turn, trained)
    report = make_report(pipeline, turn, tested, remembered, trained)
    if pipeline.is_chief:
        turn.folder.write_report(finite(report))
    fault_point("5.report")
    wait_for_all(pipeline.workers)
    if pipeline.is_chief:
        turn.folder.mark_done(digest)
    wait_for_all(pipeline.workers)
    fault_point("5.after")


def save_state(pipeline: Pipeline, turn: Turn, trained: Trained) -> str:
    """Write all that later rounds depend on but the report; the digest of the weights."""
    digest = save_weights(pipeline, turn)
    save_rows(turn.window.test, turn.folder.test_rows, pipeline.workers, whole)
    save_examples(pipeline.config, turn.window.train, turn.folder, turn.plan.seed, pipeline.workers)
    if pipeline.is_chief and turn.vocabularies.words:
        turn.folder.write_vocabulary(turn.vocabularies.to_json())
    fault_point("5.weights")
    if pipeline.is_chief:
        turn.folder.write_statistics(trained.statistics.to_json())
    fault_point("5.statistics")
    pipeline.past.save(turn.parent, turn.folder, turn.window if trained.learned else None)
    fault_point("5.history")
    if pipeline.is_chief and turn.drift is not None:
        turn.folder.write_drift(turn.drift.state.to_bytes(pipeline.config.drift))
    fault_point("5.drift")
    return digest


def save_weights(pipeline: Pipeline, turn: Turn) -> str:
    """Write the learner, which is the same on all workers; its digest.

    Raises:
        WorkersError: it is not the same.
    """
    import trainer

    model = pipeline.learner.model
    digest = (
        trainer.save(model, turn.folder.weights) if pipeline.is_chief else trainer.digest(model)
    )
    check_same(f"weights after round {turn.plan.round}", digest, pipeline.workers)
    return digest


def whole(parts: list[Rows]) -> Rows:
    """All test rows; those of one worker are in order already."""
    return Rows.concat(parts).sorted_by_identity() if len(parts) > 1 else parts[0]


def make_report(
    pipeline: Pipeline,
    turn: Turn,
    tested: dict[str, Any],
    remembered: Rehearsal,
    trained: Trained,
) -> dict[str, Any]:
    """What report.json says; all workers call it."""
    window, known = turn.window, trained.statistics
    report = {
        "counts": asdict(window.counts),
        "cluster_id": pipeline.board.snapshot().cluster or None,
        "first_timestamp": window.first_timestamp,
        "last_timestamp": window.last_timestamp,
        "event_times": tell_event_times(window.event_times),
        "sampled": window_rows(pipeline, window),
        "dead_letters": window.dead_letters.to_json(),
        "statistics": {"rows": known.rows, "weight": known.weight},
        "training": trained.report.to_json(),
        "prequential": tested,
        "seconds": turn.seconds.read(),
    }
    drift = {} if turn.drift is None else {"drift": turn.drift.to_json()}
    return report | drift | tell_past(pipeline, turn, remembered)


def tell_past(pipeline: Pipeline, turn: Turn, remembered: Rehearsal) -> dict[str, Any]:
    """What the report says of the history; nothing if none is kept."""
    if not pipeline.past.is_kept:
        return {}
    rows = pipeline.past.rows(turn.folder)
    pipeline.board.update(history_rows=rows, history_ratio=remembered.ratio)
    told = {"rows": rows, "recalled": turn.plan.history_rows, **remembered.to_json()}
    return {"history": told}
