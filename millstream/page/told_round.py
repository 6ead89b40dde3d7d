"""A round as the page shows it: its files as one plain object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from millstream.rounds.folder import RoundFolder
from millstream.rounds.plan import Plan
from millstream.rounds.unreadable import UNREADABLE, lost_round, why_unreadable
from millstream.watch.verdict import parts_of

__all__ = ["UNREADABLE", "tell_detail", "tell_lost", "tell_round"]

MOST_GAPS = 20
WHO = ("learner", "champion", "river", "majority_class", "mean", "no_change")
VERSION = (
    "version promoted reason rung bytes gzip_bytes float32_bytes scores champion_version test_rows"
)


def tell_round(folder: RoundFolder) -> dict[str, Any]:
    """A complete round in short; of one whose files cannot be read, why.

    What came with later versions of millstream is missing from the rounds before.
    """
    try:
        report, published = folder.report(), folder.published()
        return {
            "round": folder.number,
            **tell_plan(folder.plan()),
            **tell_report(report),
            **tell_published(folder, published),
            "seconds": parts_of(report, published or {}),
        }
    except UNREADABLE as error:
        return {"round": folder.number, "error": why_unreadable(folder.path, error)}


def tell_lost(folder: RoundFolder) -> dict[str, Any]:
    """A round that must have happened, as later ones did, and is not there."""
    return {"round": folder.number, "error": lost_round(folder.path)}


def tell_plan(plan: Plan) -> dict[str, Any]:
    """What the round was made of."""
    gaps = [[gap.topic, gap.partition, gap.start, gap.end] for gap in plan.gaps[:MOST_GAPS]]
    return {
        "created_ms": plan.created_ms,
        "trigger": plan.reason,
        "workers": plan.workers,
        "missing": plan.missing,
        "gaps": gaps,
        "reaction": None if plan.reaction is None else plan.reaction.why,
        "untrained": plan.untrained,
    }


def tell_report(report: Mapping[str, Any]) -> dict[str, Any]:
    """What came out of training it; nothing of round 0, which has no records."""
    if "training" not in report:
        return {}
    counts, training = report["counts"], report["training"]
    past, tested = report.get("history", {}), report["prequential"]
    return {
        "records": counts["seen"],
        "bad": counts["bad"],
        "unchecked": counts.get("unchecked", 0),
        "kinds": counts.get("kinds", {}),
        "newest_ms": report.get("last_timestamp"),
        "sampled": report["sampled"],
        "recalled": past.get("recalled", 0),
        "epochs": training["epochs"],
        "stopped_early": training["stopped_early"],
        "failed": training["diverged"] or training["skipped"],
        "prequential": {who: tested[who] for who in WHO if tested.get(who)},
        "tested_rows": tested.get("rows"),
        "drift": report.get("drift", {}).get("found") or None,
    }


def tell_published(folder: RoundFolder, published: dict[str, Any] | None) -> dict[str, Any]:
    """What the registry made of it; that it waits, if it does."""
    if published is None:
        return {"published": False}
    told = {name: published.get(name) for name in VERSION.split()}
    chosen = [rung for rung in published.get("rungs", ()) if rung.get("chosen")]
    told["latency_ms"] = chosen[0].get("latency_ms", {}).get("1") if chosen else None
    told["published"] = True
    told["published_ms"] = int((folder.path / "published.json").stat().st_mtime * 1000)
    told["event_to_model"] = published.get("event_to_model")
    told["verdict"] = published.get("verdict")
    return told


def tell_detail(folder: RoundFolder) -> dict[str, Any]:
    """The rest of a round: losses by epoch, all rungs, offset ranges, what the gate found.

    Raises:
        RoundStoreError: a file is damaged or foreign.
    """
    plan, report = folder.plan(), folder.report()
    published = folder.published() or {}
    return {
        **tell_round(folder),
        "losses": report.get("training", {}).get("history", {}),
        "best_epoch": report.get("training", {}).get("best_epoch"),
        "rungs": published.get("rungs", []),
        "gate": published.get("gate", {}),
        "champion_scores": published.get("champion_scores"),
        "ranges": [[r.topic, r.partition, r.start, r.end] for r in plan.ranges],
        "slices": report.get("prequential", {}).get("slices", {}).get("learner", {}),
    }
