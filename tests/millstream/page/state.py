"""State folders as a service leaves them, without a service."""

from __future__ import annotations

import json
import math
import os
import time
from pathlib import Path
from typing import Any

from ingest import Gap, Position
from millstream.durable import write_json
from millstream.rounds.plan import Plan
from millstream.rounds.store import RoundStore
from millstream.watch.board import LiveState

TOPIC = "clicks"
RECORDS = 20_000
RUNGS = {
    "float32": (57_000, 0.0049, 0.0),
    "float16": (29_900, 0.0051, -0.0001),
    "int8": (17_800, 0.0031, -0.0012),
    "pruned_int8": (12_600, 0.0030, -0.0031),
    "channels50_int8": (5_200, 0.0014, -0.0174),
}


def status(folder: Path, **changes: Any) -> dict[str, Any]:
    """Write the status of a service that runs in this very process."""
    told = {
        **vars(LiveState(phase="running", pid=os.getpid())),
        "updated_ms": int(time.time() * 1000),
        **changes,
    }
    folder.mkdir(parents=True, exist_ok=True)
    write_json(folder / "status.json", told, durable=False)
    return told


def partitions(count: int, topic: str = TOPIC) -> dict[str, dict[str, float]]:
    """What the board tells of partitions, one of which lags."""
    return {
        f"{topic}[{number}]": {
            "end": 60_000 + 500 * number,
            "position": 60_000 - (4_000 if number == 2 else 0),
            "lag": 500 * number + (4_000 if number == 2 else 0),
            "records_per_s": 640.0 - 20 * number,
        }
        for number in range(count)
    }


def rounds(folder: Path, count: int, *, topic: str = TOPIC, published: bool = True) -> RoundStore:
    """Write rounds that become better, with a drift, gaps, refusals and dead letters among them."""
    store = RoundStore(folder / "rounds")
    for number in range(count + 1):
        write_round(store, number, topic, published or number < count)
    return store


def write_round(store: RoundStore, number: int, topic: str, published: bool = True) -> None:
    """One round; 0 is the untrained model."""
    start = Position({topic: {0: RECORDS * max(0, number - 1), 1: 0}})
    end = Position({topic: {0: RECORDS * number, 1: 0}})
    gaps = (Gap(topic, 0, RECORDS * (number - 1), RECORDS * (number - 1) + 350),)
    folder = store.begin(
        Plan(
            round=number,
            parent=number - 1 if number else None,
            start=start,
            end=end,
            gaps=gaps if number == 5 else (),
            seed=1,
            recipe="r" * 64,
            reason=f"{RECORDS} records" if number else "start",
            created_ms=int(time.time() * 1000) - 60_000 * (40 - number),
        )
    )
    folder.write_report(report(number) if number else {"schema": "s", "lineage": "l"})
    if published:
        outcome = publication(number)
        folder.write_published(outcome if number else {"version": None, "promoted": False})
    (folder.path / "weights.npz").write_bytes(b"")
    folder.mark_done("0" * 64)


def score(number: int) -> float:
    """The learner's: it learns, a drift in round 9 throws it back, it learns again."""
    since = number if number < 9 else number - 6
    return 0.93 - 0.36 * math.exp(-since / 2.2) + 0.006 * math.sin(2.1 * number)


def report(number: int) -> dict[str, Any]:
    epochs = 4 + number % 5
    losses = [0.32 + 0.3 * math.exp(-epoch / 2) / number for epoch in range(epochs)]
    return {
        "counts": {
            "seen": RECORDS,
            "bad": 40 * (number % 4),
            "unchecked": 0,
            "kinds": {"wrong_type": 28 * (number % 4), "out_of_range": 12 * (number % 4)},
        },
        "last_timestamp": 1_700_000_000_000 + number,
        "sampled": 15_900,
        "training": {
            "epochs": epochs,
            "best_epoch": epochs - 1,
            "stopped_early": number % 3 == 0,
            "diverged": None,
            "skipped": None,
            "seconds_by_part": {"input": 0.3, "step": 5.3, "validation": 0.6, "other": 0.2},
            "history": {"loss": losses, "val_loss": [0.01 + 1.02 * loss for loss in losses]},
        },
        "prequential": {
            "rows": 4_000,
            "learner": {"auc": score(number), "log_loss": 1.2 - score(number)},
            "champion": {"auc": score(number) - 0.012, "log_loss": 1.22 - score(number)},
            "majority_class": {"auc": 0.5, "log_loss": 0.69},
            "no_change": {"auc": 0.58 + 0.01 * (number % 3), "log_loss": 11.0},
        },
        "drift": {"found": "the error rose from 0.11 to 0.19" if number == 9 else ""},
        "seconds": {
            "wait": 3.1,
            "cut": 0.03,
            "plan": 0.02,
            "test": 0.4,
            "train": 6.6,
            "checkpoint": 0.05,
        },
    }


def publication(number: int) -> dict[str, Any]:
    promoted = number not in (4, 9)
    chosen, best = "int8", score(number) + 0.014
    return {
        "version": number,
        "run_id": f"run{number}",
        "promoted": promoted,
        "reason": f"auc {best:.4f} against the champion's {best - 0.012:.4f} (+0.0120)"
        if promoted
        else "auc 0.8522 against the champion's 0.9170: not proven to be within 0.01 of it",
        "rung": chosen,
        "bytes": 25_584,
        "gzip_bytes": RUNGS[chosen][0],
        "float32_bytes": 69_612,
        "scores": {"auc": best, "log_loss": 0.3},
        "champion_version": number - 1 or None,
        "test_rows": 2_700,
        "rungs": [
            *(
                {
                    "rung": name,
                    "bytes": int(1.3 * size),
                    "gzip_bytes": size,
                    "latency_ms": {"1": latency},
                    "scores": {"auc": best + loss, "log_loss": 0.3 - loss},
                    "refused": "auc falls by 0.0174 (at most 0.005)" if loss < -0.01 else None,
                    "chosen": name == chosen,
                }
                for name, (size, latency, loss) in RUNGS.items()
            ),
            {"rung": "layers_int8", "skipped": "no layer can be left out"},
        ],
        "seconds": {"export": 1.6, "gate": 0.8, "register": 0.5},
        "verdict": {
            "bound": "compute-bound",
            "sentence": "compute-bound: 6.5 of 12.9 s (50%) went into the model (step 5.3,"
            " validation 0.6, test 0.4, other 0.2); fewer train.epochs, or more --workers, would"
            " help",
            "setting": "train.epochs",
        },
        "event_to_model": {"p50_s": 14.2 + 0.3 * number, "p95_s": 21.0 + 0.5 * number},
    }


def settings(folder: Path, name: str = "fraud") -> None:
    """A configuration in force."""
    told = {
        "format": 1,
        "millstream": "0.1.0",
        "written_ms": int(time.time() * 1000),
        "metric": "auc",
        "given": ["kafka.topics", "trigger.records", "registry.name"],
        "settings": {
            "kafka": {"topics": [TOPIC], "start": "earliest"},
            "schema": {"label": {"name": "fraud", "type": "bool"}, "features": {"a": "float32"}},
            "trigger": {"records": RECORDS, "seconds": None},
            "registry": {"name": name, "tracking_uri": None},
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(told))
