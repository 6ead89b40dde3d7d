"""TF_CONFIG from the variables of an indexed Job, and from SageMaker's file."""

from __future__ import annotations

import json
import runpy

import pytest

import trainer
from millstream.errors import UsageError
from millstream.workers.environment import own_rank, worker_count
from millstream.workers.indexed_job import indexed_job
from tests.deploy.compose_file import ROOT

JOB = {
    "JOB_COMPLETION_INDEX": "1",
    "MILLSTREAM_WORKERS": "3",
    "MILLSTREAM_WORKER_ADDRESS": "millstream-{index}.millstream:2222",
}


def test_every_pod_gets_the_same_cluster_and_its_own_number():
    told = [indexed_job({**JOB, "JOB_COMPLETION_INDEX": str(index)}) for index in range(3)]
    configs = [json.loads(variables["TF_CONFIG"]) for variables in told]
    assert [config["cluster"] for config in configs] == 3 * [
        {"worker": [f"millstream-{index}.millstream:2222" for index in range(3)]}
    ]
    assert [own_rank(variables) for variables in told] == [0, 1, 2]
    assert [worker_count(variables) for variables in told] == [3, 3, 3]
    topology = trainer.read_tf_config(told[1]["TF_CONFIG"])
    assert (topology.rank, topology.size) == (1, 3)


@pytest.mark.parametrize(
    "variables",
    [
        {},
        {"JOB_COMPLETION_INDEX": "0"},
        {**JOB, "MILLSTREAM_WORKERS": "1"},
        {**JOB, "TF_CONFIG": '{"cluster": {}}'},
    ],
    ids=["no job", "not several", "one worker", "TF_CONFIG is there"],
)
def test_nothing_is_added_where_nothing_is_asked_for(variables):
    assert indexed_job(variables) == {}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("MILLSTREAM_WORKERS", "two", "MILLSTREAM_WORKERS: expected a whole number from 1 on"),
        ("MILLSTREAM_WORKERS", "0", "MILLSTREAM_WORKERS: expected a whole number from 1 on"),
        ("JOB_COMPLETION_INDEX", "", "JOB_COMPLETION_INDEX: expected a whole number from 0 on"),
        ("JOB_COMPLETION_INDEX", "3", "expected less than the 3 workers of MILLSTREAM_WORKERS"),
        ("MILLSTREAM_WORKER_ADDRESS", "millstream:2222", "in the place of its number"),
        ("MILLSTREAM_WORKER_ADDRESS", "millstream-{index}", "in the place of its number"),
    ],
)
def test_what_does_not_fit_is_said(name, value, said):
    with pytest.raises(UsageError, match=said):
        indexed_job({**JOB, name: value})


def test_sagemakers_hosts_become_the_same():
    tf_config = runpy.run_path(str(ROOT / "deploy" / "sagemaker" / "start.py"))["tf_config"]
    hosts = [f"algo-{number}" for number in range(1, 12)]
    resources = {"hosts": sorted(hosts, reverse=True), "current_host": "algo-10"}
    topology = trainer.read_tf_config(tf_config(resources))
    assert (topology.rank, topology.size) == (9, 11)
    cluster = json.loads(tf_config(resources))["cluster"]
    assert cluster == {"worker": [f"{host}:2222" for host in hosts]}
