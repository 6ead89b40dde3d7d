"""Who works on a model: TF_CONFIG, as Kubeflow, Vertex AI and SageMaker set it.

All of them write JSON with `cluster` (addresses by role) and `task` (own role and index), and
differ in the roles: a TFJob of Kubeflow has `chief` or `master` beside `worker`, or workers only;
Vertex AI calls its first pool `chief`; SageMaker names one `master` beside workers and parameter
servers, or workers only. What they add (`environment`, `job`, `task.trial`, `task.cloud`) is not
looked at.
"""

import json
from dataclasses import dataclass
from typing import Any

from trainer.errors import SettingsError, one_line

__all__ = ["Topology", "read_tf_config"]

CHIEFS = ("chief", "master")
REFUSED = {
    "ps": "millstream trains without parameter servers: Keras 3 cannot use them",
    "evaluator": "millstream evaluates on its workers",
}


@dataclass(frozen=True)
class Topology:
    """The workers of a run, and which of them this process is.

    Attributes:
        addresses: host:port of each worker in the order of ranks, the chief first; none for a
            process that works alone.
        rank: This process's place among them.
    """

    addresses: tuple[str, ...] = ()
    rank: int = 0

    @property
    def size(self) -> int:
        """How many workers there are, 1 or more."""
        return max(1, len(self.addresses))


def read_tf_config(text: str | None) -> Topology:
    """Read the environment's TF_CONFIG.

    Ranks: the chief (or master) is 0, workers follow by their index; without a chief worker 0 is
    it. Parameter servers and evaluators of the cluster are not counted, and a process that is to
    be one is refused. An empty text, or one without a cluster, is a process that works alone.

    Raises:
        SettingsError: It is not as described, or names a role that millstream does not have.
    """
    if text is None or not text.strip():
        return Topology()
    try:
        config = json.loads(text)
    except ValueError as error:
        raise _refused("TF_CONFIG", "JSON", f"{error}: {one_line(text, 80)}") from error
    if not isinstance(config, dict):
        raise _refused("TF_CONFIG", "a JSON object", one_line(text, 80))
    if "sparseCluster" in config:
        raise _refused(
            "TF_CONFIG",
            "the addresses of all workers",
            "sparseCluster, which has one's own only",
            "set enableDynamicWorker: false in the TFJob",
        )
    task = config.get("task", {})
    if isinstance(task, dict) and task.get("type") in REFUSED:
        role = task["type"]
        raise _refused("TF_CONFIG task.type", "chief or worker", role, f"{REFUSED[role]}; run none")
    cluster = config.get("cluster") or {}
    return _topology(_addresses(cluster), task) if cluster else Topology()


def _addresses(cluster: Any) -> dict[str, list[str]]:
    """Return the addresses by role, of roles that work: at most one chief, then workers."""
    if not isinstance(cluster, dict):
        raise _refused("TF_CONFIG cluster", "an object of roles", repr(cluster))
    for role, listed in cluster.items():
        if role not in {*CHIEFS, "worker", *REFUSED}:
            raise _refused("TF_CONFIG cluster", "the roles chief and worker", f'"{role}"')
        if not isinstance(listed, list) or not all(_is_address(one) for one in listed):
            expected = "a list of host:port"
            raise _refused(f"TF_CONFIG cluster.{role}", expected, one_line(listed, 80))
    working = {role: cluster.get(role, []) for role in (*CHIEFS, "worker")}
    if len(working["chief"]) + len(working["master"]) > 1:
        got = f"{working['chief'] + working['master']}"
        raise _refused("TF_CONFIG cluster", "one chief at most", got)
    every = [one for listed in working.values() for one in listed]
    if len(set(every)) < len(every):
        twice = next(one for one in every if every.count(one) > 1)
        raise _refused("TF_CONFIG cluster", "an address for each worker", f"{twice} twice")
    return working


def _is_address(value: object) -> bool:
    host, colon, port = str(value).rpartition(":")
    return isinstance(value, str) and bool(host and colon) and port.isdigit()


def _topology(working: dict[str, list[str]], task: Any) -> Topology:
    role, index = (task.get("type"), task.get("index")) if isinstance(task, dict) else (None, None)
    if isinstance(index, str) and index.isdigit():
        index = int(index)
    if not isinstance(index, int) or role not in working:
        expected = "type (chief or worker) and index of this process"
        raise _refused("TF_CONFIG task", expected, one_line(task, 80))
    if not 0 <= index < len(working[role]):
        expected = f"an index below {len(working[role])}, as many as the cluster has"
        raise _refused("TF_CONFIG task", expected, f"{role} {index}")
    every = [one for listed in working.values() for one in listed]
    return Topology(tuple(every), every.index(working[role][index]))


def _refused(place: str, expected: str, got: str, mend: str = "") -> SettingsError:
    mend = mend or "set it as TensorFlow describes it, or unset it to work alone"
    return SettingsError(place, expected=expected, got=got, mend=mend)
