"""Troubles that are not kills, one after the other: `python -m tests.chaos --troubles`."""

from __future__ import annotations

import json
import re
import sys
import time
from collections.abc import Sequence
from dataclasses import asdict

from tests.chaos.kept import kept_if_it_fails
from tests.chaos.trial import Trial, open_trial
from tests.chaos.troubles import TROUBLES, Impossible, Lengths

__all__ = ["lengths", "run_troubles"]

TOPIC = "troubles"
MOST_SAID = 12


def lengths(factor: float) -> Lengths:
    """Two minutes without MLflow, half a minute without broker, half a minute of a full disk."""
    return Lengths(mlflow=120 * factor, broker=30 * factor, disk=30 * factor)


def run_troubles(names: Sequence[str], workers: int, factor: float) -> dict[str, object]:
    """Make each trouble, and look what came of it.

    Raises:
        AssertionError: the service did not go on, or a record is lost or counted twice.
    """
    begun, found = time.monotonic(), {}
    with kept_if_it_fails(TOPIC) as folder, open_trial(folder, TOPIC, workers) as trial:
        trial.wait_for_rounds(1)
        for name in names:
            found[name] = told(trial, name, lengths(factor))
            print(f"{name}: {json.dumps(found[name], indent=2)}", flush=True)
        trial.finish()
        ledger = trial.check_the_end()
        sent = trial.producer.sent
    total = {"sent": sent, **asdict(ledger), "s": round(time.monotonic() - begun)}
    return {"troubles": {name: brief(one) for name, one in found.items()}, "end": total}


def told(trial: Trial, name: str, length: Lengths) -> dict[str, object]:
    """Make a trouble; what it showed, what the service said, and the ledger when it has gone on."""
    before, begun = len(trial.stream.all_said()), time.monotonic()
    try:
        showed = TROUBLES[name](trial, length)
    except Impossible as error:
        return {"skipped": str(error)}
    except AssertionError:
        print(trial.stream.all_said()[before:], file=sys.stderr)
        raise
    trial.wait_for_rounds(2)
    return {
        **showed,
        "s": round(time.monotonic() - begun),
        "said": complaints(trial.stream.all_said()[before:]),
        "ledger": asdict(trial.ledger()),
    }


def complaints(text: str) -> list[str]:
    """The warnings and errors of a log, each once however often it came."""
    lines = [line.strip() for line in text.splitlines() if re.search(r"WARN|ERROR|rror:", line)]
    alike = {re.sub(r"\d+", "#", line): line for line in reversed(lines)}
    return list(reversed(alike.values()))[:MOST_SAID]


def brief(one: dict[str, object]) -> dict[str, object]:
    """Without what is long."""
    return {key: value for key, value in one.items() if key not in ("said", "ledger")}
