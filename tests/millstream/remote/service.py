"""What a service does with its mirror, in a process that can be killed."""

from __future__ import annotations

import os
from pathlib import Path

from millstream.remote.objects import ObjectStore

from ..preloaded import forking
from .rounds import mirrored


def open_and_save(address: str, state_dir: Path, fault: str, environment: dict[str, str]) -> int:
    """Restore, then save, in another process that dies at a fault point; its exit code."""
    process = forking().Process(target=work, args=(address, state_dir, fault, environment))
    process.start()
    process.join(60)
    assert process.exitcode is not None, f"{fault}: did not end"
    return process.exitcode


def work(address: str, state_dir: Path, fault: str, environment: dict[str, str]) -> None:
    """The body of that process."""
    os.environ |= environment | {"MILLSTREAM_FAULT": fault}
    with mirrored(ObjectStore(address), state_dir, seconds=1.0) as mirror:
        mirror.save()
        assert not mirror.why, mirror.why
