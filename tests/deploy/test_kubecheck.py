"""The rules that Kubernetes' API server has beyond the schema, asked of its own code."""

from __future__ import annotations

import copy
import os
import subprocess

import pytest
import yaml

from tests.deploy.kubernetes_files import OVERLAYS, Resource, one, render

pytestmark = [
    pytest.mark.skipif("KUBECHECK" not in os.environ, reason="make test-deploy builds the checker")
]


def check(resources: list[Resource], tmp_path):
    path = tmp_path / "resources.yaml"
    path.write_text("---\n".join(yaml.safe_dump(item) for item in resources))
    return subprocess.run(
        [os.environ["KUBECHECK"], str(path)], capture_output=True, text=True, check=False
    )


def job_of_trainjob(resources: list[Resource]) -> Resource:
    """The Job that comes of a TrainJob and its runtime, as far as it concerns the pods."""
    runtime = one(resources, "TrainingRuntime", "millstream")["spec"]["template"]["spec"]
    trainer = one(resources, "TrainJob", "millstream")["spec"]["trainer"]
    spec = copy.deepcopy(runtime["replicatedJobs"][0]["template"]["spec"])
    container = spec["template"]["spec"]["containers"][0]
    container |= {"image": trainer["image"], "args": trainer["args"]}
    container["resources"] = trainer["resourcesPerNode"]
    container["env"] += trainer["env"]
    spec |= {"completionMode": "Indexed"}
    spec |= dict.fromkeys(("completions", "parallelism"), trainer["numNodes"])
    metadata = {"name": "millstream-node-0", "namespace": "millstream"}
    return {"apiVersion": "batch/v1", "kind": "Job", "metadata": metadata, "spec": spec}


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_server_would_take_them(overlay, tmp_path):
    resources = render(overlay)
    plain = [item for item in resources if "kubeflow" not in item["apiVersion"]]
    if overlay == "trainjob":
        plain.append(job_of_trainjob(resources))
    done = check(plain, tmp_path)
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [item["kind"] for item in plain]


def test_it_would_not_take_a_job_that_starts_its_containers_again(tmp_path):
    job = one(render("gpu"), "Job", "millstream")
    job["spec"]["template"]["spec"]["restartPolicy"] = "OnFailure"
    done = check([job], tmp_path)
    assert done.returncode == 1
    assert 'only "Never" is supported' in done.stderr
