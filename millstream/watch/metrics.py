"""What Prometheus scrapes: the numbers of some services, from their files alone.

Counters are sums over the round store, so they go on where they were after a restart. Who scrapes
costs the trainer nothing: this runs in the process of the page.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock

from prometheus_client.core import Metric
from prometheus_client.registry import Collector

from millstream.durable import read_as
from millstream.pause import is_paused
from millstream.publishing.rolled_back import champion_by_hand
from millstream.rounds.totals import RoundTotals
from millstream.watch.board import LiveState
from millstream.watch.metrics_live import samples_of_live
from millstream.watch.metrics_names import METERS, Meter, Sample
from millstream.watch.metrics_rounds import samples_of_rounds

__all__ = ["ServiceCollector"]

METER_LABELS = {meter.name: ("model", *meter.labels) for meter in METERS}


class ServiceCollector(Collector):
    """Collects the metrics of some state folders; for any number of threads.

    Each scrape reads the status files, and of the rounds only those that are new.

    Args:
        folders: state folders; each is a pipeline, and need not be there yet.
    """

    def __init__(self, folders: Sequence[Path]) -> None:
        self._lock = Lock()
        self._totals = {folder: RoundTotals(folder) for folder in folders}
        self._names: dict[Path, str] = {}

    def describe(self) -> Iterator[Metric]:
        """All families, empty: so that a registry need not read the files to know the names."""
        return (family_of(meter) for meter in METERS)

    def collect(self) -> Iterator[Metric]:
        """All families with the samples of all folders, in the order of `METERS`."""
        families = {meter.name: family_of(meter) for meter in METERS}
        with self._lock:
            for folder in self._totals:
                for name, labels, value in self._samples(folder):
                    family, named = families[name], METER_LABELS[name]
                    family.add_sample(
                        name, dict(zip(named, (self._names[folder], *labels), strict=True)), value
                    )
        yield from families.values()

    def _samples(self, folder: Path) -> Iterator[Sample]:
        live = read_as(folder / "status.json", LiveState) or LiveState(phase="", pid=0)
        live = replace(live, champion=champion_by_hand(folder) or live.champion)
        self._name(folder, live.model)
        yield from samples_of_live(live, time.time(), paused=is_paused(folder))
        yield from samples_of_rounds(self._totals[folder].read())

    def _name(self, folder: Path, model: str) -> None:
        """Name a folder by its model, once it is known; no two have one name."""
        project = folder.absolute().parent.name if folder.name.startswith(".") else folder.name
        wanted = model or self._names.get(folder) or project
        others = {name for other, name in self._names.items() if other != folder}
        self._names[folder] = f"{wanted} ({folder})" if wanted in others else wanted


def family_of(meter: Meter) -> Metric:
    """A family without samples."""
    return Metric(meter.name.removesuffix("_total"), f"{meter.help}.", meter.kind)
