"""Let a service run for a while, with troubles, and look whether anything grows or is lost.

    python -m tests.soak --minutes 20 --workers 2

A producer sends good and bad records all the time. In the first quarter of the run service,
workers and broker are killed, until two fifths workers and broker, until three quarters the broker
only, and then nothing: so the processes that are judged have warmed up, and see a broker go.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import tempfile
import time
from collections import Counter
from dataclasses import asdict
from pathlib import Path

import psutil

from millstream.page.server import find_page
from tests.chaos.trial import Trial, open_trial
from tests.chaos.victims import VICTIMS
from tests.soak.counters import Totals, check_metrics, metrics_of
from tests.soak.flat import DISK_KB, JUDGED_S, WARM_UP, disk_per_round, per_hour, too_steep
from tests.soak.processes import Observer

TOPIC = "soak"
SETTINGS = {
    "page": "port = 0\nenabled = true\n",
    "registry": "keep_versions = 10\n",
}
KEPT = 10
EVERY_S = 3.0
KILLS = 24
LONG_ZOMBIE = 5


def main() -> None:
    """Run as the command line says; the last line is what was found."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--minutes", type=float, default=20.0)
    parser.add_argument("--hour", action="store_true", help="60 minutes")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--looks", type=Path, help="a file for all that is seen, as JSON lines")
    options = parser.parse_args()
    length = 60 * (60.0 if options.hour else options.minutes)
    with tempfile.TemporaryDirectory() as folder:
        temporary = Path(folder, "temporary")
        temporary.mkdir()
        os.environ["TMPDIR"] = str(temporary)  # of all that is started
        with open_trial(Path(folder), TOPIC, options.workers, SETTINGS, KEPT) as trial:
            observer, totals = Observer(trial.project.state_dir, options.looks), Totals()
            killed = run(trial, observer, totals, length, random.Random(options.seed))
            found = judge(trial, observer, totals)
        left = left_behind(Path(folder))
        assert not left, f"processes are left: {left}"
        files = files_left(temporary)
        assert not files, f"files of ended processes are left: {files}"
    print(json.dumps({"soak": {"minutes": length / 60, "kills": killed, **found}}))


def run(
    trial: Trial, observer: Observer, totals: Totals, length: float, chance: random.Random
) -> dict[str, int]:
    """Kill and look until the time is over; how often each was killed."""
    killed: Counter[str] = Counter()
    next_kill, last = length / KILLS, 0
    while observer.now < length:
        rounds = len(trial.store.complete())
        observer.look(trial.stream.pid, rounds)
        totals.look(find_page(trial.project.state_dir))
        victims = victims_at(observer.now / length)
        # A service that never gets a round done gives up, and is right: each has one in between.
        if victims and observer.now >= next_kill and rounds > last:
            victim = chance.choice(victims)
            if VICTIMS[victim](trial.stream):
                killed[victim] += 1
                print(f"{observer.now:7.1f} s  killed {victim}", flush=True)
            last = len(trial.store.complete())
            next_kill = observer.now + length / KILLS * chance.uniform(0.5, 1.5)
        time.sleep(EVERY_S)
    return dict(killed)


def victims_at(share: float) -> list[str]:
    """Who may be killed when so much of the time is over."""
    if share < 0.25:
        return sorted(VICTIMS)
    if share < 0.4:
        return ["broker", "chief", "worker"]
    return ["broker"] if share < 0.75 else []


def judge(trial: Trial, observer: Observer, totals: Totals) -> dict[str, object]:
    """Let the service read the rest, and look at everything; AssertionError if it is not well."""
    length, service = observer.now, trial.stream.pid
    slopes, judged = per_hour(observer.looks, length), length * (1 - WARM_UP) >= JUDGED_S
    per_round = disk_per_round(observer.disk, length)
    for one in slopes:
        print(f"{one.part:18} level {one.level}  growth an hour {one.growth}", flush=True)
    trial.finish()
    ledger = trial.check_the_end()
    check_metrics(metrics_of(trial.project.directory), ledger, trial.producer.sent)
    assert any(one.pid == service for one in slopes), "the service was not looked at"
    if judged:
        steep = too_steep(slopes)
        assert not steep, "; ".join(steep)
        assert per_round is not None, "too few rounds"
        assert per_round <= DISK_KB, f"a round leaves {per_round} kB, and may leave {DISK_KB}"
    long = [pid for (pid, _), times in observer.zombies.items() if times >= LONG_ZOMBIE]
    assert not long, f"ended processes that nobody waited for: {long}"
    return {
        "sent": trial.producer.sent,
        **asdict(ledger),
        "starts": trial.stream.starts,
        "scrapes": totals.scrapes,
        "scrapes_missed": totals.missed,
        "looks": len(observer.disk),
        "flat_judged": judged,
        "disk_kb_per_round": per_round,
        "an_hour": {f"{one.part} ({one.pid})": one.growth for one in slopes},
        "level": {f"{one.part} ({one.pid})": one.level for one in slopes},
    }


def left_behind(folder: Path) -> list[str]:
    """Processes that still run in a folder, or are named by it."""
    found = []
    for process in psutil.process_iter(["pid", "cwd", "cmdline"]):
        facts = [process.info["cwd"] or "", *(process.info["cmdline"] or [])]
        if any(str(folder) in fact for fact in facts):
            found.append(f"{process.pid}: {' '.join(facts)[:200]}")
    return found


def files_left(temporary: Path) -> list[str]:
    """What processes of the service have left in the temporary folder, killed ones too."""
    signs = ("__autograph", "millstream-")
    return sorted(path.name for path in temporary.iterdir() if path.name.startswith(signs))


if __name__ == "__main__":
    main()
