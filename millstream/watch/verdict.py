"""The bottleneck of a round: what most of its time went into, and the setting that would help.

A pure function of seconds that are measured anyway. They come from three clocks that follow one
another: the wait for the trigger, divided as the threads that read spent it; the round; and the
publication of its model.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

__all__ = ["BOUNDS", "Bottleneck", "find_bottleneck"]

BOUNDS: Mapping[str, Mapping[str, str]] = {
    "trigger-idle": {"wait": "trigger.records"},
    "broker-bound": {"broker": "kafka.options.fetch_max_bytes"},
    "decode-bound": {"decode": "kafka.backlog_records", "cut": "sample.window"},
    "input-bound": {"input": "augment.steps", "prepare": "sample.window"},
    "compute-bound": {
        "step": "train.epochs",
        "validation": "sample.holdout_rows",
        "test": "sample.holdout_rows",
        "compile": "trigger.records",
        "other": "train.epochs",
    },
    "publish-bound": {
        "export": "compress.rungs",
        "gate": "compress.rungs",
        "register": "registry.tracking_uri",
        "checkpoint": "service.state_dir",
        "plan": "service.state_dir",
    },
}
"""The parts of a round by what they are bound by, each with the setting that changes it."""
ADVICE: Mapping[str, str] = {
    "wait": "nothing is in the way; a smaller {setting} makes fresher models",
    "broker": "a larger {setting}, a nearer broker or more partitions would help",
    "decode": "more --workers would help, or a smaller {setting}, past which few are decoded",
    "cut": "a smaller {setting} would help",
    "input": "fewer or cheaper {setting}, or more --workers, would help",
    "prepare": "a smaller {setting} would help",
    "step": "fewer {setting}, or more --workers, would help",
    "validation": "fewer {setting} would help",
    "test": "fewer {setting} would help",
    "compile": "a model is traced once for each form of its batches; a larger {setting} spreads it",
    "other": "fewer {setting}, or cheaper callbacks, would help",
    "export": "fewer {setting} would help",
    "gate": "fewer {setting} would help",
    "register": "MLflow answers slowly; a {setting} that is nearer would help",
    "checkpoint": "a {setting} on a faster disk would help",
    "plan": "a {setting} on a faster disk would help",
}
LEAST_TOLD = 0.02
"""Parts that are a smaller share of what they belong to are not named."""
DOING: Mapping[str, str] = {
    "trigger-idle": "passed while no record came",
    "broker-bound": "passed while the broker sent what it has",
    "decode-bound": "went into decoding and sampling records",
    "input-bound": "went into preparing batches",
    "compute-bound": "went into the model",
    "publish-bound": "went into writing, measuring and publishing the model",
}


@dataclass(frozen=True)
class Bottleneck:
    """What was in the way of a round.

    Attributes:
        bound: one of `BOUNDS`.
        sentence: that with its numbers and the advice, for people.
        setting: the key of the configuration that would help most.
    """

    bound: str
    sentence: str
    setting: str

    def to_json(self) -> dict[str, Any]:
        """A plain form."""
        return asdict(self)


def find_bottleneck(
    report: Mapping[str, Any], published: Mapping[str, Any], lag: int | None = None
) -> Bottleneck | None:
    """What most of a round's time went into; None if nothing of it was measured.

    Args:
        report: the round's, of which `seconds` and `training` are read.
        published: what became of its model, of which `seconds` are.
        lag: records that were not read yet; None when unknown.
    """
    known = {name for names in BOUNDS.values() for name in names}
    parts = {name: s for name, s in parts_of(report, published).items() if name in known}
    total = sum(parts.values())
    if total <= 0.0:
        return None
    spent = {
        bound: {name: parts[name] for name in names if parts.get(name, 0.0) > 0.0}
        for bound, names in BOUNDS.items()
    }
    bound = max(spent, key=lambda name: sum(spent[name].values()))
    largest = max(spent[bound], key=lambda name: spent[bound][name])
    setting = BOUNDS[bound][largest]
    most = sum(spent[bound].values())
    told = f"{bound}: {most:.1f} of {total:.1f} s ({most / total:.0%}) {DOING[bound]}"
    inside = sorted(spent[bound].items(), key=lambda part: -part[1])
    inside = [(name, seconds) for name, seconds in inside if seconds >= LEAST_TOLD * most]
    if len(inside) > 1:
        told += f" ({', '.join(f'{name} {seconds:.1f}' for name, seconds in inside)})"
    # Who waited for records was not kept from them: those came while the round was made.
    waiting = f"; {lag:,} records are not read yet" if lag and bound != "trigger-idle" else ""
    return Bottleneck(bound, f"{told}{waiting}; {ADVICE[largest].format(setting=setting)}", setting)


def parts_of(report: Mapping[str, Any], published: Mapping[str, Any]) -> dict[str, float]:
    """Seconds of a round by part, of which none holds another.

    Training is divided as the trainer did; what it did not see of it prepared the rows.
    """
    parts: dict[str, float] = {**report.get("seconds", {}), **published.get("seconds", {})}
    inside: dict[str, float] = report.get("training", {}).get("seconds_by_part", {})
    if "train" in parts:
        parts["prepare"] = max(0.0, parts.pop("train") - sum(inside.values()))
    return parts | inside
