"""What `millstream init` writes: a configuration, a model and events that run as they are."""

from __future__ import annotations

import shutil
from importlib.resources import as_file, files
from pathlib import Path

import msgspec
import numpy as np

from millstream.errors import UsageError

__all__ = ["write_template"]

EVENTS = 20_000


def write_template(directory: Path) -> list[Path]:
    """Write millstream.toml, model.py and events.jsonl into a new or empty folder.

    Returns:
        The paths that were written.

    Raises:
        UsageError: the folder has something in it, or cannot be written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        if any(directory.iterdir()):
            raise UsageError(f"{directory}: expected a new or empty folder")
        written = [directory / name for name in ("millstream.toml", "model.py")]
        for path in written:
            with as_file(files("millstream.template") / path.name) as source:
                shutil.copyfile(source, path)
        events = directory / "events.jsonl"
        events.write_bytes(b"".join(line + b"\n" for line in sample_events(EVENTS)))
    except OSError as error:
        raise UsageError(f"{directory}: cannot be written: {error.strerror}") from error
    return [*written, events]


def sample_events(count: int) -> list[bytes]:
    """Invented card payments, the same on every call; about one in eight is fraud."""
    random = np.random.default_rng(1)
    amount = random.lognormal(3.0, 1.0, count).round(2)
    hour = random.integers(0, 24, count)
    country = random.choice(["DE", "FR", "PL", "US", "BR"], count, p=[0.4, 0.2, 0.2, 0.15, 0.05])
    night = (hour < 6).astype(float)
    abroad = np.isin(country, ["US", "BR"]).astype(float)
    logit = -4.2 + 0.8 * np.log(amount) * night + 1.6 * abroad + 0.012 * amount
    fraud = random.random(count) < 1.0 / (1.0 + np.exp(-logit))
    encode = msgspec.json.Encoder().encode
    columns = (amount.tolist(), hour.tolist(), country.tolist(), fraud.tolist())
    names = ("amount", "hour", "country", "is_fraud")
    return [encode(dict(zip(names, row, strict=True))) for row in zip(*columns, strict=True)]
