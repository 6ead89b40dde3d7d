"""What tags, metrics and texts tell of a verdict."""

from __future__ import annotations

import math

from millstream.publishing.gate_report import gate_metrics, gate_tags, gate_text, tell_gain

GUARDS = [
    {"slice": "carrier", "value": "AA", "metric": "auc", "gain": -0.04, "low": -0.07}
    | {"high": -0.01, "rows": 1200, "held": False},
    {"slice": None, "value": "", "metric": "log_loss", "gain": 0.01, "low": 0.0}
    | {"high": 0.02, "rows": 4000, "held": True},
]
NUMBERS = {
    "compare": "paired",
    "metric": "auc",
    "gain": 0.00612345,
    "low": 0.0031,
    "high": 0.0092,
    "p": 1.5e-7,
    "threshold": -0.01,
    "confidence": 0.95,
    "test": "delong",
    "rows": 4000,
    "proven": True,
    "guards": GUARDS,
}


def test_tags_have_the_numbers_in_short() -> None:
    tags = gate_tags(NUMBERS, 4000)
    assert tags["millstream.gate.gain"] == "0.00612345"
    assert tags["millstream.gate.p"] == "1.5e-07"
    assert tags["millstream.gate.test"] == "delong"
    assert tags["millstream.gate.rows"] == "4000"
    assert tags["millstream.gate.guards"] == (
        "carrier=AA auc -0.0400 [-0.0700, -0.0100] BROKEN; log_loss +0.0100 [+0.0000, +0.0200]"
    )
    assert gate_tags({}, 4000) == {}


def test_tags_are_not_longer_than_the_registry_takes() -> None:
    assert len(gate_tags({"guards": GUARDS * 100}, 4000)["millstream.gate.guards"]) == 4000


def test_the_gain_is_told_in_a_few_characters() -> None:
    assert tell_gain(gate_tags(NUMBERS, 4000)) == "+0.0061\n≥ +0.0031"
    assert tell_gain(gate_tags({"compare": "score", "gain": -0.002}, 4000)) == "-0.0020"
    assert tell_gain({"millstream.gate.gain": "much"}) == "-"
    assert tell_gain({}) == "-"


def test_curves_are_of_numbers_that_there_are() -> None:
    metrics = gate_metrics(NUMBERS)
    assert metrics == {
        "gate_gain": 0.00612345,
        "gate_low": 0.0031,
        "gate_high": 0.0092,
        "gate_p": 1.5e-7,
    }
    assert gate_metrics({"baseline": 0.5}) == {"gate_baseline": 0.5}
    assert all(math.isfinite(value) for value in metrics.values())


def test_the_page_tells_reason_comparison_and_guards() -> None:
    text = gate_text("because", NUMBERS, 7)
    assert text.splitlines()[0] == "because"
    assert (
        "Against version 7 on the same 4,000 test rows, by DeLong's test: auc +0.0061, from +0.0031"
        " to +0.0092, each bound at 0.95; p 1.5e-07 of a gain of at most -0.01." in text
    )
    assert "| carrier AA | 1,200 | auc -0.0400 | -0.0700 | -0.0100 | no |" in text
    assert "| all rows  | 4,000 | log_loss +0.0100 | +0.0000 | +0.0200 | yes |" in text
    assert gate_text("because", {}, None) == "because"
