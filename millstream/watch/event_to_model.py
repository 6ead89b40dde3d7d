"""How old a record is when a version that has learned from it is promoted.

A round's records come to users with the first version that is promoted after the round: with that
of a later round, if the gate refuses its own. Timestamps are those that Kafka has of the records:
of the producer's clock, or of the broker's if the topic says so. When the version became the
champion is written in the registry's journal, so nothing here reads a clock.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from ingest import EventTimes
from millstream.rounds.store import RoundFolder
from millstream.rounds.unreadable import read_all

__all__ = ["event_to_model", "tell_event_times"]

SHARES = tuple(place / 40 for place in range(41))
WEIGHTS = np.array([0.5, *[1.0] * 39, 0.5]) / 40
"""The share of a round's records that each of its quantiles stands for."""
MOST_ROUNDS = 200
"""That are looked at for records of rounds before, which no promoted version has."""


def tell_event_times(times: EventTimes) -> dict[str, Any]:
    """What a round's report says of the timestamps of its records.

    `quantiles_ms` has 41 of them, from the earliest to the latest; none if no record has a time.
    """
    return {
        "records": times.records,
        "without": times.without,
        "quantiles_ms": times.quantiles(SHARES),
    }


def event_to_model(folder: RoundFolder, promoted_at: datetime) -> dict[str, Any] | None:
    """The age of the records that users get with a version, at its promotion; None if none is told.

    Of rounds whose versions were refused since, one that cannot be read ends them.

    Args:
        folder: the round that made it; the rounds before it are beside it.
        promoted_at: when it became the champion.

    Returns:
        `p50_s` and `p95_s`: half of the records, and 95 % of them, were younger, in seconds;
        `records` that have a time, and those `without` one; `rounds`, the first and the last; the
        share of them that is `ahead`, with times after the promotion, whose age counts as 0; and a
        `note` if clocks were wrong.
    """
    first, reports = folder.number, [folder.report()]
    for number in range(folder.number - 1, max(0, folder.number - MOST_ROUNDS), -1):
        earlier = RoundFolder(folder.path.with_name(f"{number:06d}"))
        report = next(read_all([earlier], refused_report), None)
        if report is None:
            break
        first, reports = number, [report, *reports]
    told = [report["event_times"] for report in reports if has_learned(report)]
    found = age_of(told, promoted_at.timestamp() * 1000)
    return None if found is None else {**found, "rounds": [first, folder.number]}


def refused_report(folder: RoundFolder) -> dict[str, Any] | None:
    """The report of a round whose version was not promoted; None if it was, or did not happen."""
    if not folder.path.is_dir() or (folder.published() or {}).get("promoted"):
        return None
    return folder.report()


def has_learned(report: Mapping[str, Any]) -> bool:
    """Whether a round's records are in the learner, and their times are told."""
    training = report["training"]
    obstacle = training["diverged"] or training["skipped"]
    return "event_times" in report and not obstacle


def age_of(told: Sequence[Mapping[str, Any]], now_ms: float) -> dict[str, Any] | None:
    """Quantiles of the age of the records of several rounds; None if no record has a time."""
    without = sum(times["without"] for times in told)
    timed = [times for times in told if times["records"] and times["quantiles_ms"]]
    if not timed:
        return None
    records = sum(times["records"] for times in timed)
    at = np.concatenate([times["quantiles_ms"] for times in timed])
    weight = np.concatenate([WEIGHTS * (times["records"] / records) for times in timed])
    order = np.argsort(at, kind="stable")
    until = np.cumsum(weight[order])
    half, oldest = at[order][np.searchsorted(until, (0.5, 0.05))]
    ahead = float(weight[at > now_ms].sum())
    return {
        "p50_s": age(half, now_ms),
        "p95_s": age(oldest, now_ms),
        "records": records,
        "without": without,
        "ahead": round(ahead, 4),
        "note": note_of(ahead, without, records),
    }


def age(time_ms: float, now_ms: float) -> float:
    """Seconds since a time; 0 for one that is still to come."""
    return round(max(0.0, now_ms - float(time_ms)) / 1000, 3)


def note_of(ahead: float, without: int, records: int) -> str:
    """What is wrong with the clocks, for people; nothing if they are right."""
    told = []
    if ahead > 0.0:
        told.append(
            f"{ahead:.1%} of the records have times after the promotion: the clocks of their"
            " producers and of this machine differ"
        )
    if without:
        told.append(
            f"{without:,} of {records + without:,} records have no time, or one before 1971:"
            " expected milliseconds since 1970"
        )
    return "; ".join(told)
