"""`make bench-prequential ARGS="--seeds 3 --only SEA"`."""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
import uuid
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from bench.prequential.beside import MODELS, progressive
from bench.prequential.rounds import Settings, accuracy, read_rounds
from bench.prequential.streams import NAMES, REAL, make_stream

__all__ = ["main"]

OURS = "millstream"
FIRST_SEED = 11
"""The settings were chosen with the seeds 1 and 2, which are therefore not among these."""


def main(arguments: Sequence[str] | None = None) -> None:
    """Run what is asked for and print what came of it."""
    parser = argparse.ArgumentParser("bench-prequential", description="Test, then train.")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--records", type=int, default=10_000, help="of a generated stream")
    parser.add_argument("--only", choices=NAMES, action="append", help="a stream")
    asked = parser.parse_args(arguments)
    from millstream import EmbeddedKafka

    print(f"{os.cpu_count()} cores; {asked.seeds} seeds; {Settings()}", flush=True)
    found: dict[str, dict[str, list[float]]] = {}
    with (
        tempfile.TemporaryDirectory() as folder,
        EmbeddedKafka(Path(folder) / "kafka") as kafka,
    ):
        for name in asked.only or NAMES:
            runs = [
                one_run(kafka.bootstrap_servers, name, FIRST_SEED + number, asked.records)
                for number in range(asked.seeds)
            ]
            found[name] = {who: [run[who] for run in runs] for who in runs[0]}
    print_table(found)
    print(json.dumps({"bench": "prequential", "results": results(found)}), flush=True)


def one_run(servers: str, name: str, seed: int, records: int) -> dict[str, float]:
    """The accuracy of all on one stream, by name."""
    from millstream.local import ensure_topics
    from millstream.publish_file import send_rows

    stream = make_stream(name, seed, records)
    topic = f"prequential-{uuid.uuid4().hex}"
    connection = {"bootstrap_servers": servers}
    ensure_topics(connection, [topic], partitions=1)
    send_rows(stream.records(), topic, connection)
    began = time.perf_counter()
    settings, schema = Settings(), stream.schema
    rounds = read_rounds(servers, topic, schema, len(stream.labels), settings)
    with tempfile.TemporaryDirectory() as folder:
        ours, rows = accuracy(rounds, schema, seed, Path(folder), settings)
    took = {OURS: time.perf_counter() - began}
    scores = {OURS: ours}
    for model in MODELS:
        began = time.perf_counter()
        scores[model] = progressive(model, rows, schema, seed)
        took[model] = time.perf_counter() - began
    told = ", ".join(f"{who} {score:.3f} ({took[who]:.0f} s)" for who, score in scores.items())
    print(f"{name}, seed {seed}, {len(rows):,} records: {told}", flush=True)
    return scores


def print_table(found: dict[str, dict[str, list[float]]]) -> None:
    """Mean and standard deviation over the seeds."""
    columns = (OURS, *MODELS)
    print(f"\n| stream | {' | '.join(columns)} | against the best of river's |")
    print("|---|" + "---|" * (len(columns) + 1))
    for name, scores in found.items():
        cells = [
            spread(scores[who], fixed=name in REAL and who in ("LR", "Hoeffding tree"))
            for who in columns
        ]
        best = best_of_river(scores)
        gains = np.array(scores[OURS]) - np.array(scores[best])
        won = int((gains >= 0).sum())
        cells.append(f"{gains.mean():+.3f} ({best}), {won} of {len(gains)} seeds")
        print(f"| {name} | {' | '.join(cells)} |")
    print()


def spread(values: list[float], *, fixed: bool) -> str:
    """Mean ± standard deviation; of what knows no chance the value."""
    mean = f"{np.mean(values):.3f}"
    return mean if fixed or len(values) < 2 else f"{mean} ± {np.std(values, ddof=1):.3f}"


def best_of_river(scores: dict[str, list[float]]) -> str:
    """The model of river's with the best mean."""
    return max(MODELS, key=lambda who: float(np.mean(scores[who])))


def results(found: dict[str, dict[str, list[float]]]) -> dict[str, float]:
    """For machines: means, and on how many streams none of river's is better."""
    told: dict[str, float] = {}
    at_or_above = 0
    for name, scores in found.items():
        key = name.lower().replace(" ", "_")
        ours, best = np.mean(scores[OURS]), np.mean(scores[best_of_river(scores)])
        told |= {
            f"{key}_millstream": round(float(ours), 4),
            f"{key}_best_river": round(float(best), 4),
        }
        at_or_above += int(ours >= best)
    return told | {"streams_at_or_above": at_or_above}


if __name__ == "__main__":
    main()
