"""A process that reads a dataset, and notes rows and state after each batch. It may be killed."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import millstream


def open_dataset(topic: str, servers: str, folder: Path, shuffle: int) -> Any:
    return millstream.dataset(
        topic,
        bootstrap_servers=servers,
        schema={"n": "int64"},
        end="now",
        batch_size=40,
        shuffle=shuffle or None,
        resume=folder / "state.json",
        **({} if shuffle else {"block_rows": 150}),
    )


def main(topic: str, servers: str, folder: Path, shuffle: int) -> None:
    stream = open_dataset(topic, servers, folder, shuffle)
    with (folder / "rows.jsonl").open("a") as rows:
        for batch in stream.prefetch(2) if shuffle else stream:
            note = {"numbers": batch["n"].numpy().tolist(), "state": stream.state().to_json()}
            rows.write(json.dumps(note) + "\n")
            rows.flush()
            os.fsync(rows.fileno())
            stream.save_state(folder / "state.json")
