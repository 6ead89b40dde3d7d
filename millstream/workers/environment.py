"""How a worker process learns which of how many it is: TensorFlow's own variable, TF_CONFIG.

Kubeflow, Vertex AI and SageMaker set it for each machine. For workers on this machine,
`millstream run --workers N` does.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from millstream.errors import UsageError
from millstream.stack.ports import choose_ports
from millstream.workers.gpus import gpus_of, gpus_of_each

__all__ = ["SUPERVISED", "local_environments", "own_rank", "supervisor_of", "worker_count"]

HOST = "127.0.0.1"
SUPERVISED = "MILLSTREAM_SUPERVISED"
"""The process that a worker ends with."""
CHIEFS = ("chief", "master")


def local_environments(count: int) -> list[dict[str, str]]:
    """The variables of so many workers on this machine, in the order of their ranks.

    Each takes its part of the machine's GPUs.
    """
    ports = choose_ports(HOST, count)
    cluster = {"worker": [f"{HOST}:{port}" for port in ports]}
    return [
        {
            "TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": i}}),
            **gpus,
        }
        for i, gpus in enumerate(gpus_of_each(gpus_of(), count))
    ]


def supervisor_of(environment: Mapping[str, str] = os.environ) -> int | None:
    """The process that looks after this one; None if none does."""
    pid = environment.get(SUPERVISED, "")
    return int(pid) if pid.isdecimal() else None


def worker_count(environment: Mapping[str, str] = os.environ) -> int:
    """How many workers TF_CONFIG names; 1 if it is not set.

    Raises:
        UsageError: it is not what TensorFlow defines.
    """
    return max(1, sum(_read(environment)[0].values()))


def own_rank(environment: Mapping[str, str] = os.environ) -> int:
    """Which of them this process is; the chief, if there is one, is the first.

    Raises:
        UsageError: TF_CONFIG is not what TensorFlow defines.
    """
    counts, role, index = _read(environment)
    return index if role in CHIEFS else index + sum(counts[chief] for chief in CHIEFS)


def _read(environment: Mapping[str, str]) -> tuple[dict[str, int], str, int]:
    """How many there are by role, and the role and the index of this process."""
    text = environment.get("TF_CONFIG", "").strip() or "{}"
    try:
        config = json.loads(text)
        cluster, task = config.get("cluster") or {}, config.get("task") or {}
        counts = {role: len(cluster.get(role, [])) for role in (*CHIEFS, "worker")}
        return counts, str(task.get("type", "worker")), int(task.get("index", 0))
    except (ValueError, AttributeError, TypeError) as error:
        raise UsageError(
            f"TF_CONFIG: expected JSON with a cluster and a task, got {text[:80]!r} ({error});"
            " correct it, or unset it"
        ) from error
