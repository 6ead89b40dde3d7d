"""The configuration in force, left in the state folder without its secrets."""

from __future__ import annotations

import time
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from ingest.redaction import public_uri, redacted
from millstream.config.config import Config
from millstream.durable import write_json

__all__ = ["FILE", "settings_of", "write_settings"]

FILE = "config.json"
FORMAT = 1


def write_settings(config: Config) -> Path:
    """Leave the configuration in its state folder, which is there already; returns the file."""
    path = config.state_dir / FILE
    told = {
        "format": FORMAT,
        "millstream": version("millstream"),
        "written_ms": int(time.time() * 1000),
        "metric": config.metric,
        "settings": settings_of(config),
        "given": sorted(given_keys(config)),
    }
    write_json(path, told, durable=False)
    return path


def settings_of(config: Config) -> dict[str, Any]:
    """All settings by section, as they may be shown to anybody who reaches the page.

    Values of keys that sound like a secret are hidden, and so are user and password in addresses.
    """
    told = {}
    for name, section in config.model_dump(mode="json", by_alias=True).items():
        # Names of features are the user's: "token_count" is a column, no secret.
        if name != "schema":
            told[name] = redacted(section)
    told["schema"] = config.schema_.model_dump(mode="json", by_alias=True, exclude_unset=True)
    address = config.registry.tracking_uri
    told["registry"]["tracking_uri"] = None if address is None else public_uri(address)
    return told


def given_keys(config: Config) -> Iterator[str]:
    """The settings that the file gives, as "section.key"; the others are defaults."""
    for name in config.model_fields_set - {"directory"}:
        section, shown = getattr(config, name), Config.model_fields[name].alias or name
        if isinstance(section, BaseModel):
            yield from (f"{shown}.{key}" for key in section.model_fields_set)
