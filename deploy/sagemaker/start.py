"""Begins `millstream run` in a SageMaker training job, whose hosts become TF_CONFIG.

SageMaker's own containers for TensorFlow set that variable; others get a file instead.
"""

import json
import os
from pathlib import Path
from typing import Any

RESOURCES = Path("/opt/ml/input/config/resourceconfig.json")
COMMAND = ("millstream", "run", "--config", "/etc/millstream/millstream.toml")
PORT = 2222


def tf_config(resources: dict[str, Any]) -> str:
    """TF_CONFIG of this host: all hosts in the order of their names, and which of them it is."""
    hosts = sorted(resources["hosts"], key=lambda host: (len(host), host))
    cluster = {"worker": [f"{host}:{PORT}" for host in hosts]}
    index = hosts.index(resources["current_host"])
    return json.dumps({"cluster": cluster, "task": {"type": "worker", "index": index}})


if __name__ == "__main__":
    if "TF_CONFIG" not in os.environ:
        os.environ["TF_CONFIG"] = tf_config(json.loads(RESOURCES.read_text(encoding="utf-8")))
    os.execvp(COMMAND[0], COMMAND)  # noqa: S606
