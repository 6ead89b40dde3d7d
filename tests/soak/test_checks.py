"""The checks of a soak find what they are there to find."""

from __future__ import annotations

import random
from pathlib import Path

import pytest

from tests.chaos.ledger import Ledger
from tests.soak.__main__ import victims_at
from tests.soak.counters import Totals, check_metrics, sums
from tests.soak.flat import disk_per_round, per_hour, too_steep
from tests.soak.processes import Usage, part_of, size_of

END_S = 1200.0
ROUND_S = 20  # of a slow machine
LEDGER = Ledger(
    rounds=3, read=100, trained_on=40, held_out=30, sampled_away=27, dead_lettered=3, versions=3
)
METRICS = {
    "millstream_records_read_total": 100.0,
    "millstream_records_sampled_total": 40.0,
    "millstream_dead_letters_total": 3.0,
    "millstream_rounds_total": 3.0,
    "millstream_versions_promoted_total": 2.0,
    "millstream_versions_refused_total": 1.0,
    "millstream_gaps_records_total": 0.0,
}


def looks(
    mb_an_hour: float = 0,
    mb_a_round: float = 0,
    handles_an_hour: float = 0,
    begin: float = 0,
    end: float = END_S,
) -> list[Usage]:
    """A process whose memory goes up and down with rounds, has a peak, and warms up first."""
    chance, found = random.Random(3), []
    for number in range(int(begin), int(end), 3):
        warm = min(number, 300) * 0.5
        peak = 400 if number % 301 < 6 else 0
        grown = mb_an_hour * number / 3600 + mb_a_round * (number // ROUND_S)
        mb = 500 + warm + peak + 20 * chance.random() + grown
        handles = 40 + chance.choice((0, 2, 5)) + int(handles_an_hour * number / 3600)
        found.append(Usage("worker 0", 7, 1.0, float(number), int(mb * 1e6), handles, 30))
    return found


def test_warm_up_rounds_and_peaks_are_no_growth() -> None:
    (slope,) = per_hour(looks(), END_S)
    assert too_steep([slope]) == []
    assert abs(slope.growth["memory_mb"]) < 20
    assert slope.level["threads"] == 30


@pytest.mark.parametrize(
    ("grows", "said"),
    [
        ({"mb_an_hour": 120}, "memory_mb grows"),
        ({"mb_a_round": 1}, "memory_mb grows"),
        ({"handles_an_hour": 60}, "handles grows"),
    ],
)
def test_growth_is_found_below_the_noise_of_rounds(grows: dict[str, float], said: str) -> None:
    (found,) = too_steep(per_hour(looks(**grows), END_S))
    assert found.startswith("worker 0 (7): ")
    assert said in found


def test_only_processes_that_live_through_the_second_half_are_judged() -> None:
    assert per_hour(looks(begin=700), END_S) == []
    assert per_hour(looks(end=1000), END_S) == []
    assert len(per_hour(looks(begin=590), END_S)) == 1


def test_what_a_round_leaves_on_the_disk() -> None:
    disk = [(float(at), at // 6, at // 6 * 30_000 + 20_000 * (at % 6)) for at in range(0, 1200, 3)]
    assert disk_per_round(disk, END_S) == pytest.approx(30, abs=3)
    assert disk_per_round([(at, 5, 1) for at, _, _ in disk], END_S) is None


def test_size_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b").write_bytes(b"x" * 10_000)
    assert size_of(tmp_path) >= 10_000
    assert size_of(tmp_path / "gone") == 0


def test_whose_process_it_is() -> None:
    run = ["python", "-m", "millstream", "run", "--workers", "2"]
    assert part_of(True, "python", run) == "service"
    assert part_of(False, "python", run) == "fork server"
    assert part_of(False, "worker 1", run) == "worker 1"
    assert part_of(False, "python", ["python", "-m", "millstream.page.serve", "5"]) == "page"
    assert part_of(False, "python", ["python", "keeper.py", "3", "millstream.page.serve"]) is None
    assert part_of(False, "java", ["java", "kafka.Kafka", "server.properties"]) is None


def test_metrics_that_say_what_the_rounds_say() -> None:
    check_metrics(METRICS, LEDGER, 100)


@pytest.mark.parametrize(
    ("metric", "name"),
    [
        ("millstream_records_read_total", "read"),
        ("millstream_records_sampled_total", "trained_on"),
        ("millstream_dead_letters_total", "dead_lettered"),
        ("millstream_versions_refused_total", "versions"),
        ("millstream_gaps_records_total", "gaps"),
    ],
)
def test_a_metric_that_is_off_by_one_is_named(metric: str, name: str) -> None:
    with pytest.raises(AssertionError, match=f"'{name}'"):
        check_metrics({**METRICS, metric: METRICS[metric] + 1}, LEDGER, 100)


def test_a_record_that_was_sent_and_has_no_place() -> None:
    with pytest.raises(AssertionError, match="produced"):
        check_metrics(METRICS, LEDGER, 101)


def test_counters_that_fall() -> None:
    totals = Totals()
    totals.add(sums('# TYPE a counter\na_total{p="0"} 3\na_total{p="1"} 4\n# TYPE g gauge\ng 9\n'))
    totals.add({"a_total": 7.0, "g": 1.0})
    with pytest.raises(AssertionError, match="a_total fell from 7 to 6"):
        totals.add({"a_total": 6.0})


def test_what_is_judged_is_not_killed_before() -> None:
    assert "service" in victims_at(0.1)
    assert victims_at(0.3) == ["broker", "chief", "worker"]
    assert victims_at(0.4) == ["broker"]
    assert victims_at(0.8) == []
