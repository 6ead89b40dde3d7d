"""The dashboard and the alerts ask for what the service tells; Prometheus understands them."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from itertools import combinations

import jsonschema
import pytest
import yaml

from millstream.watch.metrics_names import METERS
from tests.deploy.compose_file import ROOT, services

PROMETHEUS = ROOT / "deploy" / "prometheus"
GRAFANA = ROOT / "deploy" / "grafana"
DASHBOARD = json.loads((GRAFANA / "dashboards" / "millstream.json").read_text())
PANELS = [panel for panel in DASHBOARD["panels"] if panel["type"] != "row"]
LABELS = {meter.name: {"model", *meter.labels} for meter in METERS}
TARGETS = [(panel, target) for panel in PANELS for target in panel["targets"]]
QUERIES = [target["expr"] for _, target in TARGETS]
QUERIES += [note["expr"] for note in DASHBOARD["annotations"]["list"]]
SCRAPED = {"up", "job", "instance"}
"""What Prometheus itself adds."""


SCHEMAS = json.loads((ROOT / "tests" / "deploy" / "schemas" / "grafana.json").read_text())


def check(value, schema, definition):
    told = {"$ref": f"#/definitions/{definition}", "definitions": SCHEMAS[schema]["definitions"]}
    jsonschema.Draft7Validator(told).validate(value)


def test_it_is_what_grafana_takes():
    check(DASHBOARD, "dashboard", "Dashboard")
    for panel in PANELS:
        check(panel["options"], panel["type"], "Options")
        if panel["type"] == "timeseries":
            check(panel["fieldConfig"]["defaults"]["custom"], "timeseries", "FieldConfig")
        for target in panel["targets"]:
            check(target, "prometheus", "Dataquery")


@pytest.mark.parametrize(
    ("definition", "wrong"),
    [("Dashboard", {"panels": {}}), ("Dashboard", {"tittle": "?"}), ("Dashboard", {"refresh": 5})],
)
def test_the_schemas_refuse_what_grafana_does_not_take(definition, wrong):
    with pytest.raises(jsonschema.ValidationError):
        check({**DASHBOARD, **wrong}, "dashboard", definition)


def alerts():
    groups = yaml.safe_load((PROMETHEUS / "alerts.yml").read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def metrics(expression):
    return set(re.findall(r"\bmillstream_\w+", expression))


def labels(expression):
    inside = re.findall(r"\{([^}]*)\}", expression)
    named = {name for text in inside for name in re.findall(r"(\w+)\s*(?:=~|!~|!=|=)", text)}
    grouped = re.findall(r"\b(?:by|without|on|ignoring)\s*\(([^)]*)\)", expression)
    return named | {name.strip() for text in grouped for name in text.split(",") if name.strip()}


@pytest.mark.parametrize("query", QUERIES)
def test_a_panel_asks_for_what_there_is(query):
    assert metrics(query)
    assert metrics(query) <= set(LABELS)
    known = set.union(*(LABELS[name] for name in metrics(query)))
    assert labels(query) <= known


def test_legends_name_labels_that_there_are():
    for panel, target in TARGETS:
        known = set.union(*(LABELS[name] for name in metrics(target["expr"])))
        assert set(re.findall(r"\{\{(\w+)\}\}", target["legendFormat"])) <= known, panel["title"]


def test_every_panel_is_about_the_chosen_model():
    assert all('model=~"$model"' in query for query in QUERIES)
    (variable,) = DASHBOARD["templating"]["list"]
    assert variable["query"] == "label_values(millstream_up, model)"


def test_panels_have_a_place_of_their_own():
    places = {}
    for panel in DASHBOARD["panels"]:
        grid = panel["gridPos"]
        assert grid["x"] + grid["w"] <= 24
        places[panel["id"]] = {
            (x, y)
            for x in range(grid["x"], grid["x"] + grid["w"])
            for y in range(grid["y"], grid["y"] + grid["h"])
        }
    assert len(places) == len(DASHBOARD["panels"])
    for one, other in combinations(places.values(), 2):
        assert not one & other


def test_alerts_ask_for_what_there_is():
    rules = alerts()
    assert rules
    for rule in rules:
        asked = metrics(rule["expr"])
        assert asked <= set(LABELS), rule["alert"]
        known = set().union(*(LABELS[name] for name in asked), SCRAPED)
        assert labels(rule["expr"]) <= known, rule["alert"]


def test_grafana_finds_prometheus_and_the_dashboard():
    told = yaml.safe_load((GRAFANA / "provisioning/datasources/prometheus.yml").read_text())
    (source,) = told["datasources"]
    assert source["url"] == "http://prometheus:9090"
    used = {target["datasource"]["uid"] for _, target in TARGETS}
    assert used == {source["uid"]}
    told = yaml.safe_load((GRAFANA / "provisioning/dashboards/millstream.yml").read_text())
    grafana = services()["grafana"]
    mounts = dict(volume.split(":")[:2] for volume in grafana["volumes"])
    path = told["providers"][0]["options"]["path"]
    assert mounts["./deploy/grafana/dashboards"] == path
    assert mounts["./deploy/grafana/provisioning"] == "/etc/grafana/provisioning"
    home = grafana["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    assert home == f"{path}/millstream.json"


def test_prometheus_scrapes_the_page():
    told = yaml.safe_load((PROMETHEUS / "prometheus.yml").read_text())
    (job,) = told["scrape_configs"]
    (target,) = job["static_configs"][0]["targets"]
    name, port = target.split(":")
    config = (ROOT / "deploy" / "compose" / "millstream.toml").read_text()
    assert f'allowed_hosts = ["{name}"]' in config
    assert f"127.0.0.1:{port}:{port}" in services()[name]["ports"]


@pytest.fixture
def promtool():
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool is not here: apt install prometheus")

    def run(*arguments):
        done = subprocess.run([found, *arguments], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr

    return run


def test_prometheus_takes_its_configuration_and_the_alerts(promtool):
    promtool("check", "config", str(PROMETHEUS / "prometheus.yml"))


def test_prometheus_understands_every_query(promtool, tmp_path):
    filled = [query.replace("$__rate_interval", "1m").replace("$model", ".*") for query in QUERIES]
    rules = [{"record": f"panel:{n}", "expr": query} for n, query in enumerate(filled)]
    path = tmp_path / "rules.yml"
    path.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": rules}]}))
    promtool("check", "rules", str(path))
