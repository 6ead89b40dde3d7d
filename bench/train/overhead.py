"""What a round costs beside its training, by the seconds that its own report tells."""

from __future__ import annotations

import statistics
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench.train.project import PATIENCE_S, make_project, running, serving
from millstream.rounds.store import RoundFolder

__all__ = ["COUNTED", "overhead", "parts_of", "rests"]

COUNTED = ("cut", "plan", "test", "checkpoint", "gate")
BESIDE = ("train", "export", "register")
RECORDS = 5_000  # of a round
WARM = 2  # rounds that open what later ones have


def overhead(data: Path, records: int, rounds: int, model: str = "million") -> dict[str, float]:
    """Measure rounds that follow each other on a backlog, print, and give the numbers."""
    with serving(data, records) as (broker, topic), tempfile.TemporaryDirectory() as place:
        values = {"records": RECORDS, "window": RECORDS, "model": model}
        project = make_project(Path(place) / "project", broker.bootstrap_servers, topic, **values)
        with running(project, "--rounds", str(rounds + WARM)) as process:
            process.wait(PATIENCE_S)
        done = project.rounds()[WARM:]
        found = {name: parts_of(done, name) for name in (*COUNTED, *BESIDE)}
        found["all else"] = rests(done)
    return told(found)


def told(found: Mapping[str, Sequence[float]]) -> dict[str, float]:
    """Print, and give the numbers."""
    each = list(zip(*(found[name] for name in COUNTED), strict=True))
    counted = statistics.median(sum(parts) for parts in each)
    print(f"\nRounds of {RECORDS:,} records, a model of a million weights: median of {len(each)}\n")
    for name, seconds in found.items():
        note = "counted" if name in COUNTED else ""
        print(f"| {name:<10} | {statistics.median(seconds):.3f} s | {note:<7} |")
    print(
        f"\noverhead of a round: {counted:.3f} s, at most {max(map(sum, each)):.3f} s", flush=True
    )
    return {"round_overhead_s": counted}


def parts_of(rounds: Sequence[RoundFolder], name: str) -> list[float]:
    """Seconds of a part in each round."""
    found = []
    for folder in rounds:
        seconds = folder.report()["seconds"] | (folder.published() or {}).get("seconds", {})
        found.append(float(seconds.get(name, 0.0)))
    return found


def rests(rounds: Sequence[RoundFolder]) -> list[float]:
    """From each round's marker to that of the next one, less all parts that lie between.

    These are the report, the marker, telling MLflow's curves, committing, and clearing away.
    """
    marks = [(folder.path / "DONE").stat().st_mtime for folder in rounds]
    found = []
    for number in range(1, len(rounds)):
        before, after = rounds[number - 1], rounds[number]
        spent = sum((before.published() or {}).get("seconds", {}).values())
        spent += sum(after.report()["seconds"].values())
        found.append(marks[number] - marks[number - 1] - spent)
    return found or [0.0]
