"""docs/operations.md names exactly what there is, and the rules of the alerts read it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from millstream.cli.status import ENDED
from millstream.watch.board import STEPS
from millstream.watch.metrics_names import METERS
from millstream.watch.verdict import BOUNDS

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "docs" / "operations.md").read_text()
CONFIGURATION = (ROOT / "docs" / "configuration.md").read_text()
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"


def test_the_table_names_exactly_the_metrics_that_exist() -> None:
    rows = re.findall(r"^\| `(millstream_\w+)` \| (\w+) \| ([^|]+) \| ([^|]+) \|$", TEXT, re.M)
    documented = {
        name: (kind, tuple(re.findall(r"`(\w+)`", labels)), text)
        for name, kind, labels, text in rows
    }
    assert documented == {m.name: (m.kind, m.labels, m.help) for m in METERS}


def test_the_table_of_verdicts_has_all_of_them_with_their_settings() -> None:
    part = TEXT.split("## The bottleneck")[1].split("## From the record")[0]
    rows = dict(re.findall(r"^\| `([\w-]+)` \| (.*) \|$", part, re.MULTILINE))
    assert set(rows) == set(BOUNDS)
    for bound, settings in BOUNDS.items():
        for setting in settings.values():
            assert f"`{setting}`" in rows[bound]


def rules() -> list[dict]:
    groups = yaml.safe_load(ALERTS.read_text())["groups"]
    return [rule for group in groups for rule in group["rules"]]


def test_alerts_read_metrics_that_exist_and_tell_whose() -> None:
    known = {meter.name for meter in METERS}
    for rule in rules():
        read = set(re.findall(r"\bmillstream_\w+", rule["expr"]))
        assert read, rule["alert"]
        assert read <= known, rule["alert"]
        assert rule["labels"]["severity"] in {"warning", "critical"}
        assert "{{ $labels.model }}" in rule["annotations"]["summary"]
    names = {rule["alert"] for rule in rules()}
    wanted = {"MillstreamLagGrows", "MillstreamNoVersion", "MillstreamDeadLetters"}
    assert wanted | {"MillstreamGateRefuses"} <= names
    assert len(names) == len(rules())


def test_each_alert_end_and_phase_has_its_next_step() -> None:
    part = TEXT.split("## What to do when")[1].split("## Damaged rounds")[0]
    rows = re.findall(r"^\| (.*?) \| (.{8,}) \|$", part, re.MULTILINE)
    told = {name for names, _ in rows for name in names.replace("`", "").split(", ")}
    assert {rule["alert"] for rule in rules()} <= told
    codes = re.findall(r"^\| (\d+) \|", CONFIGURATION.split("## Exit codes")[1], re.MULTILINE)
    assert set(codes) - {"0"} <= told
    assert {*ENDED, "died:", "silent:", STEPS[0]} <= told


def test_links_within_the_page_lead_somewhere() -> None:
    heads = re.findall(r"^## (.*)$", TEXT, re.MULTILINE)
    anchors = {head.lower().replace(" ", "-") for head in heads}
    found = set(re.findall(r"\]\(#([\w-]+)\)", TEXT))
    assert found
    assert found <= anchors


def test_promtool_takes_the_alerts(tmp_path: Path) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not here: Debian's package prometheus has it")
    checked = subprocess.run(
        [promtool, "check", "rules", str(ALERTS)], capture_output=True, text=True, check=False
    )
    assert checked.returncode == 0, checked.stdout + checked.stderr
    path = tmp_path / "test.yml"
    path.write_text(PROMTOOL.replace("RULES", str(ALERTS)))
    fired = subprocess.run(
        [promtool, "test", "rules", str(path)], capture_output=True, text=True, check=False
    )
    assert fired.returncode == 0, fired.stdout + fired.stderr


# A service whose lag grows, whose gate refuses, and which gets bad records; one that is well.
PROMTOOL = """
rule_files: ["RULES"]
evaluation_interval: 1m
tests:
  - interval: 1m
    input_series:
      - series: 'millstream_up{model="bad"}'
        values: '1x20 0x100'
      - series: 'millstream_lag_records{model="bad",topic="t",partition="0"}'
        values: '5000+1000x120'
      - series: 'millstream_refusals_in_a_row{model="bad"}'
        values: '0+1x120'
      - series: 'millstream_records_read_total{model="bad"}'
        values: '0+100x600'
      - series: 'millstream_dead_letters_total{model="bad",reason="not_json"}'
        values: '0+10x600'
      - series: 'millstream_last_promotion_timestamp_seconds{model="bad"}'
        values: '0x600'
      - series: 'millstream_damaged_rounds{model="bad"}'
        values: '0x20 1x100'
      - series: 'millstream_pending_records{model="held"}'
        values: '5x600'
      - series: 'millstream_up{model="held"}'
        values: '1x600'
      - series: 'millstream_last_round_timestamp_seconds{model="held"}'
        values: '0x600'
      - series: 'millstream_pending_records{model="good"}'
        values: '5x600'
      - series: 'millstream_last_round_timestamp_seconds{model="good"}'
        values: '0+60x600'
      - series: 'millstream_damaged_rounds{model="good"}'
        values: '0x600'
      - series: 'millstream_up{model="good"}'
        values: '1x600'
      - series: 'millstream_up{model="gone"}'
        values: '1x20'
      - series: 'millstream_rounds_total{model="gone"}'
        values: '5x600'
      - series: 'millstream_lag_records{model="good",topic="t",partition="0"}'
        values: '20000-10x600'
      - series: 'millstream_refusals_in_a_row{model="good"}'
        values: '4x600'
      - series: 'millstream_records_read_total{model="good"}'
        values: '0+100x600'
      - series: 'millstream_dead_letters_total{model="good",reason="not_json"}'
        values: '0+4x600'
      - series: 'millstream_last_promotion_timestamp_seconds{model="good"}'
        values: '0+60x600'
    alert_rule_test: []
    promql_expr_test:
      - expr: count by (alertname, model) (ALERTS{alertstate="firing"})
        eval_time: 60m
        exp_samples:
          - labels: '{alertname="MillstreamDown", model="bad"}'
            value: 1
          - labels: '{alertname="MillstreamDown", model="gone"}'
            value: 1
          - labels: '{alertname="MillstreamLagGrows", model="bad"}'
            value: 1
          - labels: '{alertname="MillstreamGateRefuses", model="bad"}'
            value: 1
          - labels: '{alertname="MillstreamDeadLetters", model="bad"}'
            value: 1
          - labels: '{alertname="MillstreamDamagedRounds", model="bad"}'
            value: 1
      - expr: count by (alertname, model) (ALERTS{alertname="MillstreamNoVersion"})
        eval_time: 400m
        exp_samples:
          - labels: '{alertname="MillstreamNoVersion", model="bad"}'
            value: 1
      - expr: count by (model) (ALERTS{alertname="MillstreamNoRound",alertstate="firing"})
        eval_time: 400m
        exp_samples:
          - labels: '{model="held"}'
            value: 1
      - expr: count by (model) (ALERTS{alertname="MillstreamNeverPromoted",alertstate="firing"})
        eval_time: 400m
        exp_samples:
          - labels: '{model="gone"}'
            value: 1
"""
