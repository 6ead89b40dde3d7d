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

__all__ = ["is_supervised", "local_environments", "worker_count"]

HOST = "127.0.0.1"
SUPERVISED = "MILLSTREAM_SUPERVISED"


def local_environments(count: int) -> list[dict[str, str]]:
    """The variables of so many workers on this machine, in the order of their ranks."""
    ports = choose_ports(HOST, count)
    cluster = {"worker": [f"{HOST}:{port}" for port in ports]}
    return [
        {
            "TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": i}}),
            SUPERVISED: str(os.getpid()),
        }
        for i in range(count)
    ]


def is_supervised(environment: Mapping[str, str] = os.environ) -> bool:
    """Whether this process is a worker that another process looks after."""
    return bool(environment.get(SUPERVISED))


def worker_count(environment: Mapping[str, str] = os.environ) -> int:
    """How many workers TF_CONFIG names; 1 if it is not set.

    Raises:
        UsageError: it is not what TensorFlow defines.
    """
    text = environment.get("TF_CONFIG", "")
    if not text.strip():
        return 1
    try:
        cluster = json.loads(text).get("cluster", {})
        return max(1, len(cluster.get("chief", [])) + len(cluster.get("worker", [])))
    except (ValueError, AttributeError, TypeError) as error:
        raise UsageError(
            f"TF_CONFIG: expected JSON with a cluster and a task, got {text[:80]!r} ({error});"
            " correct it, or unset it"
        ) from error
