"""deploy/kubernetes against the official schemas, and its parts against each other."""

from __future__ import annotations

import copy
import re

import jsonschema
import pytest

from tests.deploy.kubernetes_files import (
    FOLDER,
    OVERLAYS,
    manifests,
    one,
    pods,
    render,
    validate,
)

SECRET = re.compile(r"PASS(WORD)?|SECRET|TOKEN|KEY$")
WORKERS = {"gpu": 2, "tpu": 1, "local": 1, "trainjob": 2}
EVERY = [
    pytest.param(item, id=f"{path.relative_to(FOLDER)}:{item['kind']}")
    for path, item in manifests()
]


@pytest.fixture(params=OVERLAYS)
def overlay(request):
    return request.param


def main_template(resources):
    owners = [item for item in resources if item["metadata"]["name"] == "millstream"]
    (template,) = [pod for item in owners for pod in pods(item)]
    return template


def environment(container):
    return {item["name"]: item["value"] for item in container.get("env", [])}


def matches(selector, labels):
    return all(labels.get(key) == value for key, value in selector.items())


@pytest.mark.parametrize("resource", EVERY)
def test_a_file_fits_the_schema_of_its_kind(resource):
    validate(resource)


def test_what_kustomize_makes_fits_too(overlay):
    for resource in render(overlay):
        validate(resource)


@pytest.mark.parametrize("kind", ["Job", "TrainJob", "TrainingRuntime", "NetworkPolicy"])
def test_the_schemas_refuse_a_key_that_is_misspelt(kind):
    resource = copy.deepcopy(next(item for _, item in manifests() if item["kind"] == kind))
    resource["spec"]["paralelism"] = 2
    with pytest.raises(jsonschema.ValidationError, match="paralelism"):
        validate(resource)


def test_everything_is_in_one_namespace(overlay):
    for resource in render(overlay):
        if resource["kind"] != "Namespace":
            assert resource["metadata"]["namespace"] == "millstream"


def test_the_number_of_workers_is_one_number(overlay):
    resources = render(overlay)
    container = main_template(resources)["spec"]["containers"][0]
    if overlay == "trainjob":
        job = one(resources, "TrainJob", "millstream")["spec"]["trainer"]
        told = environment(job)["MILLSTREAM_WORKERS"]
        numbers = {job["numNodes"], int(told)}
        assert "MILLSTREAM_WORKERS" not in environment(container)
    else:
        job = one(resources, "Job", "millstream")["spec"]
        assert job["completionMode"] == "Indexed"
        told = environment(container)["MILLSTREAM_WORKERS"]
        numbers = {job["completions"], job["parallelism"], int(told)}
    assert numbers == {WORKERS[overlay]}


def test_workers_are_found_by_the_names_that_they_are_told(overlay):
    resources = render(overlay)
    template = main_template(resources)
    container = template["spec"]["containers"][0]
    pod, service = environment(container)["MILLSTREAM_WORKER_ADDRESS"].split(".")
    ports = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert service == f"millstream:{ports['workers']}"
    if overlay == "trainjob":
        runtime = one(resources, "TrainingRuntime", "millstream")["spec"]["template"]["spec"]
        (group,) = [job["name"] for job in runtime["replicatedJobs"]]
        assert pod == f"millstream-{group}-0-{{index}}"
        assert container["name"] == "node"
        return
    headless = one(resources, "Service", "millstream")["spec"]
    assert pod == "millstream-{index}"
    assert template["spec"]["subdomain"] == "millstream"
    assert headless["clusterIP"] == "None"
    assert headless["publishNotReadyAddresses"]
    assert matches(headless["selector"], template["metadata"]["labels"])


def test_a_trainjob_runs_the_pods_of_the_job():
    job = main_template(render("gpu"))
    theirs = main_template(render("trainjob"))
    for template in (job, theirs):
        container = template["spec"]["containers"][0]
        for key in ("name", "image", "args", "resources", "env"):
            container.pop(key, None)
        template["spec"].pop("subdomain", None)
        template["spec"].pop("tolerations", None)
    assert job == theirs
    runtime = one(render("trainjob"), "TrainingRuntime", "millstream")["spec"]["template"]["spec"]
    (spec,) = [item["template"]["spec"] for item in runtime["replicatedJobs"]]
    alike = one(render("gpu"), "Job", "millstream")["spec"]
    alike["podFailurePolicy"]["rules"][0]["onExitCodes"]["containerName"] = "node"
    for key in ("backoffLimit", "podReplacementPolicy", "podFailurePolicy"):
        assert spec[key] == alike[key]
    trainjob = one(render("trainjob"), "TrainJob", "millstream")["spec"]["trainer"]
    base = next(item for path, item in manifests() if path.name == "job.yaml")
    container = base["spec"]["template"]["spec"]["containers"][0]
    assert trainjob["args"] == container["args"]
    assert trainjob["image"] == container["image"]
    assert trainjob["resourcesPerNode"] == container["resources"]


def test_selectors_find_the_workers(overlay):
    resources = render(overlay)
    labels = main_template(resources)["metadata"]["labels"]
    page = one(resources, "Service", "millstream-page")["spec"]["selector"]
    assert page.pop("batch.kubernetes.io/job-completion-index") == "0"
    assert matches(page, labels)
    network = one(resources, "NetworkPolicy", "millstream")["spec"]
    assert matches(network["podSelector"]["matchLabels"], labels)
    budgets = [item for item in resources if item["kind"] == "PodDisruptionBudget"]
    # A single worker that nobody may evict would keep its node from being drained.
    assert len(budgets) == (WORKERS[overlay] > 1)
    for budget in budgets:
        assert matches(budget["spec"]["selector"]["matchLabels"], labels)
        assert budget["spec"]["minAvailable"] < WORKERS[overlay]


def test_other_pods_are_not_taken_for_workers():
    resources = render("local")
    for name in ("kafka", "mlflow", "producer"):
        (template,) = [
            pod for item in resources if item["metadata"]["name"] == name for pod in pods(item)
        ]
        assert template["metadata"]["labels"] == {"app.kubernetes.io/name": name}


def test_several_workers_share_a_volume_that_many_can_mount(overlay):
    claim = one(render(overlay), "PersistentVolumeClaim", "millstream-state")["spec"]
    mode = "ReadWriteMany" if WORKERS[overlay] > 1 else "ReadWriteOnce"
    assert claim["accessModes"] == [mode]


def test_pods_are_restricted(overlay):
    resources = render(overlay)
    label = "pod-security.kubernetes.io/enforce"
    assert one(resources, "Namespace", "millstream")["metadata"]["labels"][label] == "restricted"
    for template in [pod for item in resources for pod in pods(item)]:
        spec = template["spec"]
        assert spec["securityContext"]["runAsNonRoot"] is True
        assert spec["securityContext"]["runAsUser"] >= 1000
        assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert spec["automountServiceAccountToken"] is False
        assert not {"hostNetwork", "hostPID", "hostIPC"} & set(spec)
        for container in spec["containers"]:
            assert container["securityContext"]["allowPrivilegeEscalation"] is False
            assert container["securityContext"]["capabilities"] == {"drop": ["ALL"]}


def test_every_container_says_what_it_needs(overlay):
    resources = render(overlay)
    needs = [
        container.get("resources")
        for item in resources
        for template in pods(item)
        for container in template["spec"]["containers"]
        if container["name"] != "node"
    ]
    if overlay == "trainjob":
        needs.append(
            one(resources, "TrainJob", "millstream")["spec"]["trainer"]["resourcesPerNode"]
        )
    for need in needs:
        assert {"cpu", "memory"} <= set(need["requests"])
        assert "memory" in need["limits"]


def test_nothing_secret_is_written_out(overlay):
    for resource in render(overlay):
        assert resource["kind"] != "Secret"
        for template in pods(resource):
            for container in template["spec"]["containers"]:
                for item in container.get("env", []):
                    assert "value" not in item or not SECRET.search(item["name"])


def test_secrets_come_from_a_secret_that_people_make():
    container = main_template(render("gpu"))["spec"]["containers"][0]
    assert container["envFrom"] == [{"secretRef": {"name": "millstream"}}]
    assert "envFrom" not in main_template(render("local"))["spec"]["containers"][0]


def test_the_job_gives_up_only_where_no_new_pod_would_help():
    job = one(render("gpu"), "Job", "millstream")["spec"]
    fail, ignore = job["podFailurePolicy"]["rules"]
    assert (fail["action"], fail["onExitCodes"]["values"]) == ("FailJob", [2, 3, 6])
    assert ignore["onPodConditions"][0]["type"] == "DisruptionTarget"
    assert job["template"]["spec"]["restartPolicy"] == "Never"
