"""Roll-backs that are killed at a step, each followed by another's turn; run by `test_turn`.

Arguments: a tracking URI and the steps. Prints one JSON list: what the next turn found and left.
"""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
from typing import Any

import mlflow.store.model_registry.sqlalchemy_store
import mlflow.store.tracking.sqlalchemy_store  # noqa: F401 - before the forks, not in each
from quick_versions import aliases, moves

from registry import ModelRegistry


class Told(logging.Handler):
    """Counts what is logged."""

    count = 0

    def emit(self, record: logging.LogRecord) -> None:
        self.count += 1


def roll_back(uri: str, deadly: str) -> int:
    """Roll back in a process that kills itself at a step; the signal that ended it."""

    def on_step(step: str) -> None:
        if step == deadly:
            os.kill(os.getpid(), signal.SIGKILL)

    pid = os.fork()
    if pid == 0:
        ModelRegistry("flights", uri, on_step=on_step).rollback(reason="bad", who="ada")
        os._exit(0)
    return os.waitpid(pid, 0)[1]


def main(uri: str, steps: list[str]) -> list[dict[str, Any]]:
    """Kill at each step, and let another version be promoted that is the champion by then."""
    told = Told()
    logging.getLogger("millstream").addHandler(told)
    found = []
    for step in steps:
        registry, told.count = ModelRegistry("flights", uri), 0
        before = aliases(registry)
        end = roll_back(uri, step)
        registry.promote(before["champion" if step == "turn" else "previous"])
        after = {"before": before, "after": aliases(registry), "moves": moves(registry)}
        found.append({"step": step, "end": end, "told": told.count, **after})
    return found


if __name__ == "__main__":
    print(json.dumps(main(sys.argv[1], sys.argv[2:])))
