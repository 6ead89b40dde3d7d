"""The recipe: the settings and the model file that decide a round's weights, as one fingerprint.

It does not depend on version control, on paths or on where Kafka and MLflow are. Not in it: the
versions of the libraries, and files that the model file imports.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from millstream.config import Config

__all__ = ["differences", "fingerprint", "make_recipe", "round_seed"]


def make_recipe(config: Config, model_digest: str) -> dict[str, Any]:
    """The settings that decide weights, as plain data.

    Args:
        config: the configuration in force.
        model_digest: SHA-256 of the file that builds the model.
    """
    return {
        "topics": sorted(config.kafka.topics),
        "max_record_bytes": config.kafka.max_record_bytes,
        "isolation_level": config.kafka.options.get("isolation_level"),
        "schema": config.schema_.model_dump(mode="json"),
        "sample": config.sample.model_dump(mode="json"),
        "train": config.train.model_dump(mode="json", exclude={"metric"}),
        "model_source": model_digest,
    }


def fingerprint(recipe: Mapping[str, Any]) -> str:
    """SHA-256 (hex) of a recipe's canonical JSON."""
    text = json.dumps(recipe, sort_keys=True, separators=(",", ":"), allow_nan=False)
    return hashlib.sha256(text.encode()).hexdigest()


def differences(saved: Mapping[str, Any], current: Mapping[str, Any], at: str = "") -> list[str]:
    """Which settings differ, each as `section.key: saved -> current`."""
    found = []
    for key in sorted({*saved, *current}):
        place = f"{at}.{key}" if at else key
        old, new = saved.get(key), current.get(key)
        if isinstance(old, Mapping) and isinstance(new, Mapping):
            found += differences(old, new, place)
        elif old != new:
            found.append(f"{place}: {old!r} -> {new!r}")
    return found


def round_seed(seed: int, number: int) -> int:
    """The seed of all randomness in a round's training, in [0, 2**31)."""
    digest = hashlib.sha256(f"{seed}:{number}".encode()).digest()
    return int.from_bytes(digest[:4], "big") >> 1
