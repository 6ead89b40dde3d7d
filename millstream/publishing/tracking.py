"""Rounds as steps of curves on MLflow's page: in the run of the service, each once.

What is told is a function of the rounds' folders, so a restart tells what is not there yet, and no
more. MLflow may be away: training goes on, and the next round makes up for it.
"""

from __future__ import annotations

import logging
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from millstream.pipeline import Pipeline
from millstream.prequential.curve_faded import Seen, draw_faded, draw_slices
from millstream.rounds.folder import RoundFolder
from millstream.rounds.unreadable import read_all
from registry import RegistryError, TrackedRound, metric_name

__all__ = ["track_rounds", "tracked_metrics"]

log = logging.getLogger("millstream")

SHOWN = 200
MINUTE_MS = 60_000
WHO = ("learner", "champion", "river", "majority_class", "no_change")


def track_rounds(pipeline: Pipeline) -> None:
    """Tell the service's run of all rounds that it does not have, and show it new pictures.

    Pictures are drawn for the first round of each minute, as rounds of seconds would spend a good
    part of their time on them. Never fails for MLflow's sake: what went wrong is logged. A round
    that cannot be read is left out: `millstream status` names it.
    """
    store = pipeline.store
    rounds = [folder for folder in store.complete() if folder.number > 0]
    if not rounds:
        return
    try:
        run = pipeline.registry.service_run(store.folder(0).report()["lineage"])
        last = run.last_round()
        new = [folder for folder in rounds if folder.number > last]
        if not new:
            return
        shown = rounds[-SHOWN:] if begin_minute(rounds, len(new)) else []
        with tempfile.TemporaryDirectory(prefix="millstream-track-") as scratch:
            pictures = draw(shown, pipeline.config.metric, Path(scratch)) if shown else {}
            run.add(list(read_all(new, tracked)), pictures)
    except RegistryError as error:
        log.warning(
            "the curves in MLflow lack round %d, the next round adds it: %s",
            rounds[-1].number,
            str(error).splitlines()[0],
        )


def begin_minute(rounds: Sequence[RoundFolder], new: int) -> bool:
    """Whether one of the last `new` rounds is in another minute than the round before it."""
    recent = rounds[-new - 1 :]
    minutes = {folder.plan().created_ms // MINUTE_MS for folder in recent}
    return len(minutes) > 1 or len(recent) == new


def tracked(folder: RoundFolder) -> TrackedRound:
    """What is told of a round."""
    metrics = tracked_metrics(folder.report(), folder.published() or {})
    return TrackedRound(folder.number, folder.plan().created_ms, metrics)


def tracked_metrics(report: Mapping[str, Any], published: Mapping[str, Any]) -> dict[str, float]:
    """The numbers of a round by the name that MLflow has for them.

    `prequential/learner_auc` and the like for each of learner, champion, river's model and the
    baselines; `faded/learner_auc`; `slices/carrier/AA/learner_auc`; `round/records` and the like.

    Args:
        report: the round's.
        published: what became of its model.
    """
    prequential, training = report["prequential"], report["training"]
    found = {
        "round/records": report["counts"]["seen"],
        "round/bad_records": report["counts"]["bad"],
        "round/holdout_rows": prequential["rows"],
        "round/epochs": training["epochs"],
        "round/train_seconds": training["seconds"],
        "round/promoted": int(bool(published.get("promoted"))),
        "round/drift": int(bool(report.get("drift", {}).get("found"))),
    }
    for who in WHO:
        found |= named(prequential.get(who, {}), "prequential", who)
        found |= named(prequential.get("faded", {}).get(who, {}), "faded", who)
    for who, groups in prequential.get("slices", {}).items():
        for name, slices in groups.items():
            for value, scores in slices.items():
                found |= named(scores, "slices", name, value, who)
    return {name: float(value) for name, value in found.items()}


def named(scores: Mapping[str, Any], *place: str) -> dict[str, float]:
    """Numbers under names of the form folder/who_metric."""
    *folders, who = place
    return {
        metric_name(*folders, f"{who}_{metric}"): value
        for metric, value in scores.items()
        if isinstance(value, float) or metric == "rows"
    }


def draw(rounds: list[RoundFolder], metric: str, folder: Path) -> dict[str, Path]:
    """The pictures: faded scores, and slices if there are any."""
    return dict(pictures(list(read_all(rounds, Seen.of)), metric, folder))


def pictures(seen: list[Seen], metric: str, folder: Path) -> Iterator[tuple[str, Path]]:
    """Name in the run and file of each picture."""
    yield "faded.png", draw_faded(seen, metric, folder / "faded.png")
    if (path := draw_slices(seen, metric, folder / "slices.png")) is not None:
        yield "slices.png", path
