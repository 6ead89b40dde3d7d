"""Where the local Kafka and MLflow of a pipeline lie: with its state, or where several share them.

A pipeline that has begun with a shared stack stays with it, also when it is run alone: its records
and its versions are there. One that has begun with its own keeps that. So the state folder says
where, once and for ever, by a path relative to itself: a project may be moved as a whole.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from millstream.durable import make_folder, read_as, write_json
from millstream.errors import RoundStoreError

__all__ = ["share_stack", "stack_folder", "stack_to_be"]

FILE = "stack.json"
FORMAT = 1
OWN = ("kafka", "mlflow.db")
"""What a state folder with a stack of its own holds."""


@dataclass(frozen=True)
class SharedStack:
    """The file's content; `folder` is relative to the state folder."""

    format: int
    folder: str


def stack_folder(state_dir: Path) -> Path:
    """The absolute folder of the local stack of a pipeline with this state folder.

    Raises:
        RoundStoreError: the file that says so is damaged, or of another millstream.
    """
    path = state_dir / FILE
    if not path.exists():
        return state_dir
    told = read_as(path, SharedStack)
    if told is None or told.format != FORMAT:
        got = "another content" if told is None else f"format {told.format}"
        raise RoundStoreError(
            f"{path}: expected the folder of a shared stack in format {FORMAT}, got {got};"
            " restore it: it says where this pipeline's local Kafka and MLflow are"
        )
    return (state_dir / told.folder).resolve()


def stack_to_be(state_dir: Path, shared: Path) -> Path:
    """The folder that the stack of a pipeline has, or will have in a service that shares one.

    Raises:
        RoundStoreError: as `stack_folder`.
    """
    has_own = any((state_dir / name).exists() for name in OWN)
    return stack_folder(state_dir) if has_own or (state_dir / FILE).exists() else shared


def share_stack(state_dir: Path, shared: Path) -> bool:
    """Let a pipeline use the stack in a folder, from now on; returns whether it does.

    It does not if it has a stack of its own, or shares another.

    Raises:
        ConfigError: the state folder cannot be made.
        RoundStoreError: as `stack_folder`.
    """
    if stack_to_be(state_dir, shared) != shared:
        return False
    make_folder(state_dir)
    if not (state_dir / FILE).exists():
        relative = os.path.relpath(shared, state_dir.resolve())
        write_json(state_dir / FILE, {"format": FORMAT, "folder": relative})
    return True
