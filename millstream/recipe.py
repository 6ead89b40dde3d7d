"""The recipe: the settings and the model file that decide a round's weights, as one fingerprint.

It does not depend on version control, on paths or on where Kafka and MLflow are. Not in it: the
versions of the libraries, and files that the model file imports.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from millstream.config.augment import augment_recipe
from millstream.config.config import Config
from millstream.config.drift import drift_recipe
from millstream.config.train import train_recipe
from millstream.decoding import read_bytes
from millstream.sampling import sample_recipe

__all__ = ["differences", "fingerprint", "make_recipe", "round_seed"]

FILES = ("avro_schema", "descriptor")
LATER = {"length": None, "default": None, "grow": 0}


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
        "schema": without_unset(config.schema_.model_dump(mode="json")),
        "train": train_recipe(config.train, config.directory),
        "model_source": model_digest,
        **sample_recipe(config),
        **format_recipe(config),
        **augment_recipe(config),
        **drift_recipe(config),
    }


def format_recipe(config: Config) -> dict[str, Any]:
    """How records are written, with the digests of the format's files; nothing for plain JSON.

    Where a schema registry is does not belong to it: what it holds under an id never changes.

    Raises:
        ConfigError: a file cannot be read.
    """
    section = config.format
    described: dict[str, Any] = section.model_dump(
        mode="json", exclude_defaults=True, exclude={"schema_registry", *FILES}
    )
    for key in FILES:
        if (content := read_bytes(config, key)) is not None:
            described[key] = hashlib.sha256(content).hexdigest()
    return {"format": described} if described else {}


def without_unset(schema: dict[str, Any]) -> dict[str, Any]:
    """The section without those keys of a field that are not set and came after the first rounds.

    So the recipes of rounds that knew nothing of these keys stay the same.
    """
    features = {
        name: {
            key: value for key, value in spec.items() if key not in LATER or value is not LATER[key]
        }
        for name, spec in schema["features"].items()
    }
    return {**schema, "features": features}


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
