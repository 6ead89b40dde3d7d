import json

import pytest

from trainer import SettingsError, Topology, read_tf_config

CHIEF, ONE, TWO = "host-a:2222", "host-b:2222", "host-c:2222"


def tf_config(cluster: object, role: str, index: object, **more: object) -> str:
    return json.dumps({"cluster": cluster, "task": {"type": role, "index": index}, **more})


# What each platform writes, as its own source or manual has it.
KUBEFLOW = {"chief": [CHIEF], "worker": [ONE, TWO]}
VERTEX = {
    "chief": ["cmle-training-workerpool0-ab-0:2222"],
    "worker": ["cmle-training-workerpool1-ab-0:2222", "cmle-training-workerpool1-ab-1:2222"],
}
SAGEMAKER = {
    "master": ["algo-1:2222"],
    "ps": ["algo-1:2223", "algo-2:2223"],
    "worker": ["algo-2:2222"],
}
SAGEMAKER_MIRRORED = {"worker": ["algo-1:8890", "algo-2:8890"]}

CASES = [
    (tf_config(KUBEFLOW, "chief", 0, environment="cloud"), (CHIEF, ONE, TWO), 0),
    (tf_config(KUBEFLOW, "worker", 1, environment="cloud"), (CHIEF, ONE, TWO), 2),
    (tf_config({"worker": [ONE, TWO], "chief": [CHIEF]}, "worker", 0), (CHIEF, ONE, TWO), 1),
    (tf_config({"worker": [ONE, TWO]}, "worker", 0, environment="cloud"), (ONE, TWO), 0),
    (tf_config(VERTEX, "worker", 0, job="{}", environment="cloud"), None, 1),
    (tf_config(SAGEMAKER, "master", 0, environment="cloud"), ("algo-1:2222", "algo-2:2222"), 0),
    (tf_config(SAGEMAKER, "worker", 0, environment="cloud"), ("algo-1:2222", "algo-2:2222"), 1),
    (tf_config(SAGEMAKER_MIRRORED, "worker", 1), ("algo-1:8890", "algo-2:8890"), 1),
    (tf_config({"worker": [ONE], "evaluator": [TWO]}, "worker", "0"), (ONE,), 0),
    (tf_config({"worker": ["[::1]:2222", ONE]}, "worker", 0), ("[::1]:2222", ONE), 0),
]


@pytest.mark.parametrize(("text", "addresses", "rank"), CASES)
def test_ranks_are_the_same_for_all(
    text: str, addresses: tuple[str, ...] | None, rank: int
) -> None:
    addresses = addresses or (*VERTEX["chief"], *VERTEX["worker"])
    assert read_tf_config(text) == Topology(addresses, rank)
    assert read_tf_config(text).size == len(addresses)


@pytest.mark.parametrize(
    "text", [None, "", "  ", "{}", '{"task": {"type": "worker", "index": 0}}', '{"cluster": {}}']
)
def test_without_a_cluster_a_process_works_alone(text: str | None) -> None:
    assert read_tf_config(text) == Topology()
    assert read_tf_config(text).size == 1


REFUSED = [
    ("{", "expected JSON"),
    ("[]", "expected a JSON object"),
    (tf_config([ONE], "worker", 0), "an object of roles"),
    (tf_config({"worker": ONE}, "worker", 0), "cluster.worker: expected a list of host:port"),
    (tf_config({"worker": ["host"]}, "worker", 0), "a list of host:port"),
    (tf_config({"worker": [ONE, ONE]}, "worker", 0), "host-b:2222 twice"),
    (tf_config({"chief": [ONE], "master": [TWO]}, "chief", 0), "one chief at most"),
    (tf_config({"worker": [ONE], "boss": [TWO]}, "worker", 0), '"boss"'),
    (tf_config({"worker": [ONE]}, "worker", 1), "an index below 1"),
    (tf_config({"worker": [ONE]}, "worker", -1), "an index below 1"),
    (tf_config({"worker": [ONE]}, "chief", 0), "an index below 0"),
    (tf_config({"worker": [ONE]}, "worker", None), "type .chief or worker. and index"),
    (json.dumps({"cluster": {"worker": [ONE]}}), "type .chief or worker. and index"),
    (json.dumps({"cluster": {"worker": [ONE]}, "task": 3}), "type .chief or worker. and index"),
    (tf_config(SAGEMAKER, "ps", 0), "trains without parameter servers"),
    (tf_config(KUBEFLOW, "evaluator", 0), "evaluates on its workers"),
    (
        json.dumps(
            {
                "sparseCluster": {"worker": {"1": ONE}, "ps": []},
                "task": {"type": "worker", "index": 1},
            }
        ),
        "enableDynamicWorker: false",
    ),
]


@pytest.mark.parametrize(("text", "told"), REFUSED)
def test_what_cannot_work_is_refused(text: str, told: str) -> None:
    with pytest.raises(SettingsError, match=told):
        read_tf_config(text)
