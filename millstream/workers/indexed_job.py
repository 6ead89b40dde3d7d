"""How a pod of an indexed Kubernetes Job learns which of how many workers it is.

Kubernetes counts the pods of such a Job (`JOB_COMPLETION_INDEX`) and gives each a name in the
Job's headless service, but says neither how many there are nor what TensorFlow wants to know. The
manifest adds both: `MILLSTREAM_WORKERS=2` and
`MILLSTREAM_WORKER_ADDRESS=millstream-{index}.millstream:2222`. A JobSet and a Kubeflow TrainJob
are made of indexed Jobs, too; their pods only have longer names.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping

from millstream.errors import UsageError

__all__ = ["indexed_job"]

INDEX = "JOB_COMPLETION_INDEX"
WORKERS = "MILLSTREAM_WORKERS"
ADDRESS = "MILLSTREAM_WORKER_ADDRESS"
PLACE = "{index}"


def indexed_job(environment: Mapping[str, str] = os.environ) -> dict[str, str]:
    """The TF_CONFIG that the variables of an indexed Job amount to.

    Nothing, if TF_CONFIG is set already, or there is one worker only, or this is no such Job.

    Raises:
        UsageError: there are to be several workers, but one of the variables is missing or does
            not fit the others.
    """
    if environment.get("TF_CONFIG", "").strip() or WORKERS not in environment:
        return {}
    count = _whole(environment, WORKERS, 1)
    if count == 1:
        return {}
    index = _whole(environment, INDEX, 0)
    address = environment.get(ADDRESS, "")
    if index >= count:
        raise UsageError(
            f"{INDEX}: expected less than the {count} workers of {WORKERS}, got {index}; set"
            f" {WORKERS} to the Job's completions"
        )
    if PLACE not in address or ":" not in address:
        raise UsageError(
            f"{ADDRESS}: expected the address of a worker with {PLACE} in the place of its number,"
            f' such as "millstream-{PLACE}.millstream:2222", got {address!r}'
        )
    cluster = {"worker": [address.replace(PLACE, str(worker)) for worker in range(count)]}
    return {
        "TF_CONFIG": json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})
    }


def _whole(environment: Mapping[str, str], name: str, least: int) -> int:
    text = environment.get(name, "")
    if not text.isdecimal() or int(text) < least:
        raise UsageError(f"{name}: expected a whole number from {least} on, got {text!r}")
    return int(text)
