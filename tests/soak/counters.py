"""The page's metrics, and whether they say what the rounds say."""

from __future__ import annotations

import subprocess
import sys
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from tests.chaos.ledger import Ledger

__all__ = ["Totals", "check_metrics", "metrics_of", "scrape", "sums"]

TIMEOUT_S = 5.0


class Totals:
    """Counters of a page over the whole run: they never fall, whoever is killed.

    Attributes:
        scrapes: how often the page answered; `missed` how often it did not.
    """

    def __init__(self) -> None:
        self.scrapes = self.missed = 0
        self._last: dict[str, float] = {}

    def look(self, url: str | None) -> None:
        """Scrape once; AssertionError if a counter fell."""
        found = None if url is None else scrape(url)
        if found is None:
            self.missed += 1
            return
        self.scrapes += 1
        self.add(found)

    def add(self, found: dict[str, float]) -> None:
        """Take over what was scraped; AssertionError if a counter fell."""
        for name, value in found.items():
            if name.endswith("_total"):
                before = self._last.get(name, 0.0)
                assert value >= before, f"{name} fell from {before:g} to {value:g}"
                self._last[name] = value


def scrape(url: str) -> dict[str, float] | None:
    """The metrics of a page, summed over labels; None if it does not answer."""
    try:
        with urllib.request.urlopen(f"{url.rstrip('/')}/metrics", timeout=TIMEOUT_S) as answer:
            return sums(answer.read().decode())
    except (OSError, urllib.error.URLError):
        return None


def sums(text: str) -> dict[str, float]:
    """Prometheus's text as the sum of each metric's series."""
    found: Counter[str] = Counter()
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] += sample.value
    return dict(found)


def metrics_of(directory: Path) -> dict[str, float]:
    """What `millstream page` says of a project whose service has ended."""
    page = subprocess.Popen(
        [sys.executable, "-m", "millstream", "page", "--port", "0"],
        cwd=directory,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert page.stdout is not None
        words = page.stdout.readline().split()
        assert words[:1] == ["page"], words
        for _ in range(20):
            if (found := scrape(words[1])) is not None:
                return found
        raise AssertionError("the page does not answer")
    finally:
        page.terminate()
        page.communicate()


def check_metrics(found: dict[str, float], ledger: Ledger, sent: int) -> None:
    """AssertionError if metrics, ledger and producer do not say the same."""
    told = {
        "produced": sent,
        "read": found.get("millstream_records_read_total"),
        "trained_on": found.get("millstream_records_sampled_total"),
        "dead_lettered": found.get("millstream_dead_letters_total", 0.0),
        "rounds": found.get("millstream_rounds_total"),
        "versions": found.get("millstream_versions_promoted_total", 0.0)
        + found.get("millstream_versions_refused_total", 0.0),
        "gaps": found.get("millstream_gaps_records_total"),
    }
    wanted = {
        "produced": ledger.read,
        "read": ledger.read,
        "trained_on": ledger.trained_on,
        "dead_lettered": ledger.dead_lettered,
        "rounds": ledger.rounds,
        "versions": ledger.versions,
        "gaps": 0,
    }
    wrong = {name: (told[name], wanted[name]) for name in told if told[name] != wanted[name]}
    assert not wrong, f"the metrics and the rounds differ (metric, round store): {wrong}"
    places = ledger.trained_on + ledger.held_out + ledger.sampled_away + ledger.dead_lettered
    assert places == sent, f"{sent} records were sent, {places} have a place"
