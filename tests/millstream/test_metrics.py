"""What Prometheus reads: names, numbers from the files, and counters that do not fall."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import time
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.exposition import generate_latest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as parse_open
from prometheus_client.parser import text_string_to_metric_families
from starlette.testclient import TestClient

from millstream.cli.status import find_live
from millstream.page.app import make_app
from millstream.page.metrics import metrics_routes
from millstream.pause import pause
from millstream.publishing.rolled_back import note_roll_back
from millstream.rounds.store import RoundStore
from millstream.rounds.totals import RoundTotals
from millstream.watch.metrics import ServiceCollector
from millstream.watch.metrics_names import METERS

from .page.state import publication, status
from .page.state import rounds as make_rounds

Series = dict[tuple[str, tuple[tuple[str, str], ...]], float]
PARTITIONS = {
    "clicks[0]": {"end": 900, "position": 880, "lag": 20, "records_per_s": 12.5},
    "clicks[1]": {"end": None, "position": 70, "lag": None, "records_per_s": 0.0, "age_s": 4.5},
}


def scrape(*folders: Path) -> str:
    registry = CollectorRegistry()
    registry.register(ServiceCollector(folders))
    return generate_latest(registry).decode()


def series(text: str) -> Series:
    return {
        (sample.name, tuple(sorted(sample.labels.items()))): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }


def at(found: Series, name: str, **labels: str) -> float:
    return found[f"millstream_{name}", tuple(sorted({"model": "fraud", **labels}.items()))]


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A service that runs, with twelve rounds of which two versions were refused."""
    path = tmp_path / "state"
    make_rounds(path, 12)
    status(path, model="fraud", partitions=PARTITIONS, waiting=1, champion=12, pending=7)
    return path


def test_the_numbers_are_those_of_the_files(folder: Path) -> None:
    found = series(scrape(folder))
    rounds = [RoundStore(folder / "rounds").folder(number) for number in range(1, 13)]
    reports = [one.report() for one in rounds]
    assert at(found, "up") == 1.0
    assert at(found, "rounds_total") == 12.0
    assert at(found, "records_read_total") == sum(r["counts"]["seen"] for r in reports)
    wrong = sum(r["counts"]["kinds"]["wrong_type"] for r in reports)
    assert at(found, "dead_letters_total", reason="wrong_type") == wrong > 0
    assert at(found, "gaps_records_total") == sum(one.plan().missing for one in rounds)
    assert at(found, "versions_promoted_total") == 10.0
    assert at(found, "versions_refused_total") == 2.0
    assert at(found, "refusals_in_a_row") == 0.0
    assert at(found, "lag_records", topic="clicks", partition="0") == 20.0
    assert at(found, "position_offset", topic="clicks", partition="1") == 70.0
    ages = [at(found, "partition_age_seconds", topic="clicks", partition=n) for n in "01"]
    assert ages == [0.0, 4.5]
    assert ("millstream_lag_records", 1) not in {(n, len(labels)) for n, labels in found}
    last = reports[-1]["prequential"]["learner"]["auc"]
    assert at(found, "prequential_score", metric="auc", who="learner") == last
    assert at(found, "model_bytes", form="shipped") == publication(12)["gzip_bytes"]
    assert at(found, "event_to_model_seconds", quantile="0.95") == pytest.approx(27.0)
    assert at(found, "bottleneck", bound="compute-bound") == 1.0
    assert at(found, "bottleneck", bound="broker-bound") == 0.0
    assert at(found, "round_seconds", step="export") == 1.6
    assert at(found, "seconds_total", step="export") == pytest.approx(12 * 1.6)
    assert (at(found, "waiting_rounds"), at(found, "champion_version")) == (1.0, 12.0)


def test_counters_go_on_over_restarts_and_pruning(folder: Path) -> None:
    before = series(scrape(folder))
    RoundStore(folder / "rounds").prune(1, set())
    status(folder, model="fraud", phase="stopped", partitions=PARTITIONS)
    after = series(scrape(folder))
    counters = {meter.name for meter in METERS if meter.kind == "counter"}
    assert {key: n for key, n in after.items() if key[0] in counters} == {
        key: n for key, n in before.items() if key[0] in counters
    }
    assert at(after, "up") == 0.0
    assert not [name for name, _ in after if name == "millstream_lag_records"]


def test_a_round_is_read_once_and_published_when_it_is(folder: Path) -> None:
    totals = RoundTotals(folder)
    late = folder / "rounds" / "000012" / "published.json"
    kept = late.read_bytes()
    late.unlink()
    found = totals.read()
    assert (found.rounds, found.promoted, found.published) == (12, 9, {})
    (folder / "rounds" / "000003" / "report.json").write_text("{}")  # nobody looks at it again
    late.write_bytes(kept)
    found = totals.read()
    assert (found.rounds, found.promoted, found.damaged) == (12, 10, 0)
    assert found.published["version"] == 12


def test_a_damaged_round_is_counted_and_left_out(folder: Path) -> None:
    (folder / "rounds" / "000003" / "report.json").write_text("{}")
    published = folder / "rounds" / "000005" / "published.json"
    published.write_text(json.dumps({**publication(5), "seconds": {"gate": "x"}}))
    found = series(scrape(folder))
    assert (at(found, "rounds_total"), at(found, "damaged_rounds")) == (11.0, 2.0)
    assert at(found, "versions_promoted_total") == 9.0


def test_a_lost_round_is_counted_and_the_later_ones_are_told(folder: Path) -> None:
    shutil.rmtree(folder / "rounds" / "000003")
    (folder / "rounds" / "000007" / "DONE").unlink()
    found = series(scrape(folder))
    assert (at(found, "rounds_total"), at(found, "damaged_rounds")) == (10.0, 2.0)
    assert at(found, "versions_promoted_total") == 8.0
    assert at(found, "bottleneck", bound="compute-bound") == 1.0


def test_a_folder_that_is_not_there_is_not_up(tmp_path: Path) -> None:
    found = series(scrape(tmp_path / "fraud"))
    assert at(found, "up") == 0.0
    assert at(found, "rounds_total") == 0.0


def test_a_folder_that_cannot_be_reached_for_a_moment_resets_nothing(folder: Path) -> None:
    totals = RoundTotals(folder)
    assert totals.read().rounds == 12
    away = folder.with_name("away")
    folder.rename(away)
    assert totals.read().rounds == 12
    away.rename(folder)
    assert totals.read().rounds == 12


def test_a_roll_back_by_hand_is_known_before_the_service_knows(folder: Path) -> None:
    note_roll_back(folder, 3, "worse than it looked")
    assert at(series(scrape(folder)), "champion_version") == 3.0
    assert find_live(folder).champion == 3
    later = time.time() + 60
    os.utime(folder / "rounds" / "000012" / "published.json", (later, later))
    assert at(series(scrape(folder)), "champion_version") == 12.0


def test_reasons_are_counted_from_0_on(tmp_path: Path) -> None:
    found = series(scrape(tmp_path / "fraud"))
    assert at(found, "dead_letters_total", reason="not_json") == 0.0


def test_a_service_of_another_container_is_up_while_it_writes(folder: Path) -> None:
    gone = 2**22 + 1  # more than a process can be
    status(folder, model="fraud", pid=gone)
    assert at(series(scrape(folder)), "up") == 1.0
    assert find_live(folder).phase == "running"
    status(folder, model="fraud", pid=gone, updated_ms=int(time.time() * 1000) - 3_000)
    assert at(series(scrape(folder)), "up") == 0.0
    assert find_live(folder).phase == "died:"


def test_a_state_that_nobody_writes_any_more_is_not_up(folder: Path) -> None:
    for away_ms in (-3_600_000, 3_600_000):  # the clock was set back after the last word
        status(folder, model="fraud", updated_ms=int(time.time() * 1000) + away_ms)
        assert at(series(scrape(folder)), "up") == 0.0


def test_two_services_of_one_name_are_told_apart(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_rounds(tmp_path / name, 2)
        status(tmp_path / name, model="fraud")
    found = series(scrape(tmp_path / "a", tmp_path / "b"))
    models = {dict(labels)["model"] for name, labels in found if name == "millstream_up"}
    assert models == {"fraud", f"fraud ({tmp_path / 'b'})"}


def test_names_are_by_the_conventions() -> None:
    for meter in METERS:
        assert re.fullmatch(r"millstream_[a-z_]+", meter.name)
        assert meter.name.endswith("_total") == (meter.kind == "counter")
        assert "_ms" not in meter.name
    assert len({meter.name for meter in METERS}) == len(METERS)


def test_promtool_finds_nothing_to_say(folder: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here: Debian's package prometheus has it")
    text = scrape(folder)
    done = subprocess.run(
        [promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_the_page_serves_both_formats_and_any_label(folder: Path) -> None:
    nasty = 'a"b\\c\n<script>'
    status(folder, model="fraud", partitions={f"{nasty}[3]": PARTITIONS["clicks[0]"]})
    pause(folder)
    with TestClient(make_app([folder], routes=metrics_routes([folder]))) as client:
        plain = client.get("/metrics", headers={"host": "localhost"})
        wanted = "application/openmetrics-text; version=1.0.0"
        other = client.get("/metrics", headers={"host": "localhost", "accept": wanted})
    assert plain.status_code == other.status_code == 200
    assert plain.headers["content-type"].startswith("text/plain")
    assert other.headers["content-type"].startswith("application/openmetrics-text")
    found = series(plain.text)
    assert at(found, "lag_records", topic=nasty, partition="3") == 20.0
    assert at(found, "paused") == 1.0
    assert {family.name for family in parse_open(other.text)} == {
        meter.name.removesuffix("_total") for meter in METERS
    }
