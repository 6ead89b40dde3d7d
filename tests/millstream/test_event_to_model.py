"""From the record's own timestamp to the promoted version that has it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ingest import EventTimes
from millstream.durable import write_json
from millstream.rounds.store import RoundFolder
from millstream.watch.event_to_model import SHARES, age_of, event_to_model, tell_event_times

NOW = datetime(2026, 3, 1, 12, 0, 0, tzinfo=UTC)
NOW_MS = NOW.timestamp() * 1000


def times(ages_s: list[float], without: int = 0) -> dict[str, object]:
    """What a report says of records of these ages, in seconds."""
    at = np.sort(np.array([round(NOW_MS - age * 1000) for age in ages_s], np.int64))
    return tell_event_times(EventTimes(len(at), without, at, np.zeros(len(at), np.uint64)))


def make_round(
    folder: Path, number: int, ages_s: list[float], *, promoted: bool, diverged: str | None = None
) -> RoundFolder:
    """The files of a round that matter, without its marker."""
    path = folder / f"{number:06d}"
    path.mkdir(parents=True)
    training = {"diverged": diverged, "skipped": None}
    write_json(path / "report.json", {"event_times": times(ages_s), "training": training})
    found = RoundFolder(path)
    found.write_published({"version": number, "promoted": promoted, "reason": ""})
    return found


def test_rounds_that_are_not_here_count_as_promoted(tmp_path: Path) -> None:
    found = event_to_model(make_round(tmp_path, 300, [20.0] * 50, promoted=True), NOW)
    assert found is not None
    assert found["rounds"] == [300, 300]


def test_records_of_refused_rounds_come_with_the_next_promoted_version(tmp_path: Path) -> None:
    make_round(tmp_path, 1, [9_000.0] * 50, promoted=True)
    make_round(tmp_path, 2, [400.0] * 50, promoted=False)
    make_round(tmp_path, 3, [8_000.0] * 50, promoted=False, diverged="the loss")
    latest = make_round(tmp_path, 4, [20.0] * 950, promoted=True)
    found = event_to_model(latest, NOW)
    assert found is not None
    assert (found["p50_s"], found["p95_s"]) == (20.0, 400.0)
    assert found["rounds"] == [2, 4]
    assert (found["records"], found["note"]) == (1_000, "")
    # Publishing again, as after a kill, says the same: the promotion's time is written elsewhere.
    assert event_to_model(latest, NOW) == found
    assert event_to_model(latest, NOW + timedelta(seconds=1))["p50_s"] == 21.0


@settings(max_examples=50, deadline=None)
@given(ages=st.lists(st.integers(0, 10**6), min_size=200, max_size=400))
def test_one_round_has_the_quantiles_of_its_records(ages: list[int]) -> None:
    found = age_of([times([float(age) for age in ages])], NOW_MS)
    assert found is not None
    # Equal times make steps, where both sides of one are right.
    expected = [np.quantile(ages, [q - 0.026, q + 0.026]) for q in (0.5, 0.95)]
    for value, (low, high) in zip((found["p50_s"], found["p95_s"]), expected, strict=True):
        assert low - 0.01 <= value <= high + 0.01


def test_clocks_that_are_ahead_count_as_no_age_and_are_told() -> None:
    found = age_of([times([-3600.0] * 60 + [5.0] * 40)], NOW_MS)
    assert found is not None
    assert (found["p50_s"], found["p95_s"]) == (0.0, 5.0)
    assert found["ahead"] == pytest.approx(0.6, abs=0.03)
    assert "have times after the promotion" in found["note"]
    wholly = age_of([times([-10.0] * 5)], NOW_MS)
    assert wholly is not None
    assert (wholly["p50_s"], wholly["p95_s"], wholly["ahead"]) == (0.0, 0.0, 1.0)


def test_records_without_a_time_are_told_and_none_is_no_latency() -> None:
    found = age_of([times([5.0] * 3, without=7)], NOW_MS)
    assert found is not None
    assert found["note"].startswith("7 of 10 records have no time")
    assert age_of([times([], without=4)], NOW_MS) is None
    assert age_of([], NOW_MS) is None


def test_a_report_has_the_same_number_of_quantiles_always() -> None:
    assert len(times([1.0])["quantiles_ms"]) == len(SHARES)
    assert times([])["quantiles_ms"] == []


def test_rounds_of_before_are_not_measured(tmp_path: Path) -> None:
    found = make_round(tmp_path, 1, [1.0], promoted=True)
    write_json(found.path / "report.json", {"training": {"diverged": None, "skipped": None}})
    assert event_to_model(found, NOW) is None
