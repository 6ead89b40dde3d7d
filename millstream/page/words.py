"""The state of a service in a few words, for the head of the page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from millstream.pause import Pause
from millstream.watch.processes import is_alive

__all__ = ["ENDED", "Level", "Words", "tell_state"]

Level = Literal["good", "busy", "paused", "warn", "bad", "idle"]
ENDED = {"stopped", "failed:"}
SILENT_MS = 10_000
"""A running service writes its state four times a second."""
GONE_MS = 2_000
DOING = {
    2: "cutting its window",
    3: "writing its plan",
    4: "testing and training",
    5: "writing its checkpoint",
    6: "compressing, measuring, publishing",
    7: "committing its position",
}


@dataclass(frozen=True)
class Words:
    """What a person should know first.

    Attributes:
        level: how good that is.
        title: one or two words.
        detail: the rest of it.
    """

    level: Level
    title: str
    detail: str


def tell_state(live: Mapping[str, Any] | None, pause: Pause | None, now_ms: int) -> Words:
    """The state of a service in words.

    Args:
        live: what its status file says, of any version; None if there is none.
        pause: the pause, if there is one.
        now_ms: wall clock, milliseconds.
    """
    if live is None:
        return Words(
            "idle",
            "Not started",
            "no service has run on this state folder yet; start one with `millstream run`",
        )
    phase, note = str(live.get("phase", "")), str(live.get("note", ""))
    if phase == "failed:":
        return Words("bad", "Failed", note or "the log says why")
    if phase in ENDED:
        after = f"after round {live['round']}" if live.get("round") else "before its first round"
        return Words("idle", "Stopped", f"{after}; `millstream run` goes on from there")
    # A time that is still to come is as strange as one long ago: a clock was set, nobody writes.
    pid, silent_ms = int(live.get("pid", 0)), abs(now_ms - int(live.get("updated_ms", 0)))
    if silent_ms > GONE_MS and not is_alive(pid):
        return Words(
            "bad",
            "Died",
            f"process {pid} is gone without a word; run it again, it goes on from its last round",
        )
    if phase == "starting":
        return Words("busy", "Starting", note)
    if silent_ms > SILENT_MS:
        return Words(
            "warn", "Silent", f"no word for {silent_ms // 1000} s; process {pid} still exists"
        )
    return tell_running(live, pause)


def tell_running(live: Mapping[str, Any], pause: Pause | None) -> Words:
    """The state of a service that is well."""
    step, number = int(live.get("step", 0)), int(live.get("round", 0))
    waiting, why = int(live.get("waiting", 0)), str(live.get("waiting_why", ""))
    if step in DOING:
        number += step == 2  # the window of a round is cut before the round has its number
        doing = DOING[step]
        if step == 4 and live.get("epoch"):
            doing = f"training, {live['epoch']} epochs done"
        detail = f"round {number}: {doing}"
    else:
        detail = f"reading records for round {number + 1}"
    if waiting:
        behind = f"{waiting} rounds wait" if waiting > 1 else "a round waits"
        return Words("warn", "Running", f"{detail}; {behind} for MLflow: {why}")
    if pause is not None and step not in DOING:
        return Words("paused", "Paused", "no round begins until it is resumed; records are read on")
    if pause is not None:
        return Words("paused", "Pausing", f"{detail}, the last one until it is resumed")
    return Words("good", "Running", detail)
