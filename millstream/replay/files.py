"""What a round left beside its weights, compared with what a replay of it left."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from ingest import Rows
from millstream.recipe import differences
from millstream.rounds.folder import RoundFolder
from millstream.rounds.past import Past
from millstream.rounds.plan import Plan

__all__ = [
    "differing_contents",
    "differing_files",
    "differing_pasts",
    "differing_plans",
    "differing_reports",
]

# Not in a comparison: the clock, how and where the work was done, and gaps, which the range bounds.
UNDECIDED = {"created_ms", "workers", "repeats", "gaps"}
# Of the report, what later rounds go on with, and what was learned.
TRAINING = ("epochs", "best_epoch", "stopped_early", "diverged", "skipped")
# These have a comparison of their own, or none: what river's model learned decides nothing.
APART = {"plan.json", "report.json", "weights.npz", "river.pickle"}
MOST = 5


def differing_plans(recorded: Plan, replayed: Plan) -> list[str]:
    """What the replay would have decided otherwise, from the same past and the same records."""
    one, other = recorded.to_json(), replayed.to_json()
    return _few(
        "plan.",
        {key: one[key] for key in one.keys() - UNDECIDED},
        {key: other[key] for key in other.keys() - UNDECIDED},
    )


def differing_reports(
    recorded: Mapping[str, Any], replayed: Mapping[str, Any], *, exact: bool
) -> list[str]:
    """What of the reports differs that is a matter of records and plan alone.

    Args:
        recorded: the round's report.
        replayed: that of the replay.
        exact: whether scores and losses must be the same bits.
    """
    return _few("report.", _decided(recorded, exact), _decided(replayed, exact))


def differing_files(recorded: RoundFolder, replayed: RoundFolder) -> list[str]:
    """Which other files have another content: statistics, vocabularies, rows of the gate, history.

    Their digests are compared, which the markers have; so are those of files that were pruned.
    """
    known = recorded.files() or {}
    again = replayed.files() or {}
    names = sorted((known.keys() | again.keys()) - APART)
    return [
        f"{name}: {_told(known.get(name))} -> {_told(again.get(name))}"
        for name in names
        if known.get(name) != again.get(name)
    ]


def differing_pasts(
    recorded: tuple[Past, RoundFolder], replayed: tuple[Past, RoundFolder]
) -> list[str]:
    """Whether the samples of the past have the same rows, in whichever files they are."""
    (one, folder), (other, again) = recorded, replayed
    if not one.is_kept or folder.pruned:
        return []
    rows = one.rows(folder), other.rows(again)
    if rows[0] != rows[1]:
        return [f"history: {rows[0]} rows -> {rows[1]} rows"]
    first, second = (past.recall(at, rows[0], 0, 0) for past, at in (recorded, replayed))
    same = first[0] == second[0] and np.array_equal(first[1], second[1])
    held = one.holdout(folder) == other.holdout(again)
    return [
        f"{name}: other rows" for name, good in (("history", same), ("holdout", held)) if not good
    ]


def differing_contents(recorded: RoundFolder, replayed: RoundFolder) -> list[str]:
    """As `differing_files`, for a round of format 1, which has no digests; its history apart."""
    if recorded.pruned:
        return []
    found = _few("statistics.", recorded.statistics() or {}, replayed.statistics() or {})
    if (recorded.path / "vocabulary.json").exists():
        found += _few("vocabulary.", recorded.vocabulary(), replayed.vocabulary())
    if recorded.test_rows.exists() and Rows.load(recorded.test_rows) != Rows.load(
        replayed.test_rows
    ):
        found.append("test.arrow: other rows")
    return found


def _decided(report: Mapping[str, Any], exact: bool) -> dict[str, Any]:
    training, tested = report.get("training", {}), report.get("prequential", {})
    found = {
        "sampled": report.get("sampled"),
        "training": {key: training.get(key) for key in TRAINING},
        "prequential": {"rows": tested.get("rows")},
    }
    if not exact:
        return found
    return {
        **found,
        "history": report.get("history"),
        "losses": training.get("history"),
        "learner": tested.get("learner"),
        "baselines": tested.get("state"),
    }


def _few(place: str, one: Mapping[str, Any], other: Mapping[str, Any]) -> list[str]:
    found = [f"{place}{text}"[:200] for text in differences(one, other)]
    more = [f"and {len(found) - MOST} more"] if len(found) > MOST else []
    return found[:MOST] + more


def _told(digest: str | None) -> str:
    return "no such file" if digest is None else digest[:12]
