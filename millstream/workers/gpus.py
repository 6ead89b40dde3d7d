"""Which GPUs each of several workers on one machine takes."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from itertools import takewhile
from pathlib import Path

from millstream.errors import UsageError

__all__ = ["MEND", "SHARED", "VISIBLE", "gpus_of", "gpus_of_each", "shares_gpu", "told_gpus"]

VISIBLE = "CUDA_VISIBLE_DEVICES"
SHARED = "MILLSTREAM_SHARED_GPU"
"""Set for a worker whose GPU another worker has as well."""
MEND = (
    "pip install 'tensorflow[and-cuda]' of TensorFlow's version, or set CUDA_VISIBLE_DEVICES=-1 to"
    " train on the processor"
)
"""For a GPU that TensorFlow does not see."""
DEVICES = Path("/dev")
MIG = "MIG-"
"""How the names of parts of a GPU begin."""
ON_WINDOWS = "dxg"
"""The device of a Linux that runs in Windows, whose first GPU it has."""


def gpus_of(environment: Mapping[str, str] = os.environ, devices: Path = DEVICES) -> list[str]:
    """NVIDIA's GPUs that a process sees, as CUDA_VISIBLE_DEVICES names them.

    Asking TensorFlow would start CUDA, which no fork survives. Where the variable is not set, they
    are as many as the driver has made devices, counted from 0 as CUDA does: a container may have
    the devices nvidia5 and nvidia6, which are 0 and 1 there.
    """
    named = environment.get(VISIBLE)
    if named is None:
        numbers = [path.name.removeprefix("nvidia") for path in devices.glob("nvidia*")]
        count = sum(number.isdecimal() for number in numbers)
        return [str(number) for number in range(count or (devices / ON_WINDOWS).exists())]
    names = [name.strip() for name in named.split(",")]
    return list(dict.fromkeys(takewhile(is_gpu, names)))  # CUDA takes what is before another word


def is_gpu(name: str) -> bool:
    """Whether CUDA takes a name for one of a GPU, or of a part of one."""
    return name.isdecimal() or name.startswith(("GPU-", MIG))


def gpus_of_each(gpus: Sequence[str], count: int) -> list[dict[str, str]]:
    """The variables that give each of so many workers its GPUs, in the order of ranks.

    Equally many GPUs for each, as TensorFlow asks for; some may be left over. Where there are more
    workers than GPUs, workers share them, as they do with parts of one. One worker takes what there
    is, as does a machine without GPUs.
    """
    if count < 2 or not gpus:
        return [{} for _ in range(count)]
    each = len(gpus) // count
    if not each:
        return [{VISIBLE: gpus[i % len(gpus)], SHARED: "1"} for i in range(count)]
    shared = {SHARED: "1"} if any(gpu.startswith(MIG) for gpu in gpus) else {}
    parts = [gpus[i * each : (i + 1) * each] for i in range(count)]
    return [{VISIBLE: ",".join(part), **shared} for part in parts]


def shares_gpu(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether another worker has this worker's GPU as well."""
    return environment.get(SHARED) == "1"


def told_gpus(
    names: Sequence[str],
    environment: Mapping[str, str] = os.environ,
    devices: Path = DEVICES,
) -> str:
    """What this process trains on, in words.

    Args:
        names: of the GPUs that TensorFlow trains on.
        environment: of the process.
        devices: where the driver's devices are.

    Raises:
        UsageError: it would train on the processor beside a GPU, as TensorFlow lacks the CUDA that
            it was built for. TensorFlow says so among much else, which nobody reads.
    """
    if names:
        return ", ".join(names)
    if there := gpus_of(environment, devices):
        raise UsageError(
            f"this machine has {len(there)} NVIDIA GPU{'s' * (len(there) > 1)} that TensorFlow does"
            " not see"
        )
    return "the processor"
