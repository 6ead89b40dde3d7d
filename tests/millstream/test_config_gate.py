"""[gate]: what is accepted, what it becomes, and what stays as it was without it."""

from __future__ import annotations

from pathlib import Path

import pytest

from millstream.config.config import Config, load_config
from millstream.errors import ConfigError
from millstream.publishing.gate import make_gate
from trainer import Evidence, FirstVersion, Guard, PairedTest, Verdict

from .test_config import GOOD, write

FIELDS = """hour = "int32"
moment = "timestamp"
sure = "bool"
zip = { type = "category", buckets = 30 }
grown = { type = "category", vocabulary = ["a"], grow = 9 }
[train]"""


def load(tmp_path: Path, gate: str = "", registry: str = "") -> Config:
    text = GOOD.replace("[train]", FIELDS) + registry
    return load_config(write(tmp_path, f"{text}\n{gate}"))


def test_versions_are_compared_row_by_row_unless_one_says_otherwise(tmp_path: Path) -> None:
    gate = make_gate(load(tmp_path))
    assert (gate.compare, gate.test) == ("paired", PairedTest())
    assert (gate.guards, gate.first) == ((), FirstVersion())
    assert make_gate(load(tmp_path, '[gate]\ncompare = "score"')).compare == "score"
    superior = make_gate(load(tmp_path, '[gate]\ncompare = "superior"'))
    assert (superior.compare, superior.test.margin) == ("paired", 0.0)


def test_those_who_set_min_gain_keep_what_they_had(tmp_path: Path) -> None:
    gate = make_gate(load(tmp_path, registry="min_gain = 0.0"))
    assert (gate.compare, gate.min_gain) == ("score", 0.0)
    gate = make_gate(load(tmp_path, '[gate]\ncompare = "score"', registry="min_gain = -0.5"))
    assert (gate.compare, gate.min_gain) == ("score", -0.5)


def test_the_section_becomes_the_gate(tmp_path: Path) -> None:
    config = load(
        tmp_path,
        """
[gate]
margin = 0.02
confidence = 0.9
test = "bootstrap"
resamples = 500
burn_in_rounds = 2
burn_in_rows = 5000
must_beat_baseline = false
[[gate.guards]]
slice = "country"
value = "FR"
max_loss = 0.1
[[gate.guards]]
metric = "log_loss"
max_loss = 0.05
min_rows = 80
refuse = "measured"
[[gate.guards]]
slice = "hour"
value = "q2"
max_loss = 0.1
""",
    )
    gate = make_gate(config)
    assert gate.test == PairedTest(0.02, 0.9, "bootstrap", 500)
    assert gate.first == FirstVersion(2, 5000, must_beat_baseline=False)
    assert gate.guards == (
        Guard("auc", 0.1, slice="country", value="FR"),
        Guard("log_loss", 0.05, min_rows=80, refuse="measured"),
        Guard("auc", 0.1, slice="hour", value="q2"),
    )


def test_a_value_is_a_text_a_number_or_a_truth(tmp_path: Path) -> None:
    guards = "".join(
        f'[[gate.guards]]\nmax_loss = 0.1\nslice = "{name}"\nvalue = {value}\n'
        for name, value in (
            ("sure", "true"),
            ("sure", "false"),
            ("grown", "7"),
            ("hour", '"q1"'),
            ("country", '"(unknown)"'),
            ("zip", '"bucket 30"'),
        )
    )
    found = make_gate(load(tmp_path, guards)).guards
    values = [guard.value for guard in found]
    assert values == ["true", "false", "7", "q1", "(unknown)", "bucket 30"]


@pytest.mark.parametrize(
    ("gate", "expected"),
    [
        ("confidence = 0.4", "gate.confidence: input should be greater than 0.5"),
        ("margin = -1", "gate.margin: input should be greater than or equal to 0"),
        ('compare = "best"', "gate.compare: input should be 'non_inferior', 'superior' or 'score'"),
        ('compare = "score"\nmargin = 0.1', '"margin" is for compare = "non_inferior"'),
        ("resamples = 9", "gate.resamples: input should be greater than or equal to 100"),
        ("burnin_rounds = 1", 'gate.burnin_rounds: unknown key; did you mean "burn_in_rounds"?'),
        ("[[gate.guards]]", "gate.guards.0.max_loss: missing"),
        ('[[gate.guards]]\nmax_loss = 0.1\nvalue = "x"', 'expected "slice"'),
        (
            '[[gate.guards]]\nmax_loss = 0.1\nmetric = "rmse"',
            'gate.guards.0.metric: expected one of auc, accuracy, log_loss, got "rmse"',
        ),
        (
            '[[gate.guards]]\nmax_loss = 0.1\nslice = "contry"',
            'gate.guards.0.slice: expected a feature, got "contry"; there are amount, country',
        ),
        (
            '[[gate.guards]]\nmax_loss = 0.1\nslice = "moment"',
            'a category, a bool or a number, got "moment", which is timestamp',
        ),
        (
            '[[gate.guards]]\nmax_loss = 0.1\nslice = "country"\nvalue = "US"',
            'a word of the vocabulary of "country", got "US"; there are DE, FR',
        ),
        (
            '[[gate.guards]]\nmax_loss = 0.1\nslice = "hour"\nvalue = 7',
            'guards.0.value: expected one of the bins of the number "hour", got "7"; there are q1',
        ),
        (
            '[[gate.guards]]\nmax_loss = 0.1\nslice = "sure"\nvalue = "yes"',
            'expected true or false, got "yes"',
        ),
        (
            '[[gate.guards]]\nmax_loss = 0.1\nslice = "zip"\nvalue = "80331"',
            'expected a bucket of "zip", got "80331"; there are bucket 1, bucket 2,',
        ),
        (
            "confidence = 0.9995",
            "resamples: expected at least 2000 for a confidence of 0.9995, got 1000",
        ),
    ],
)
def test_faults_are_told(tmp_path: Path, gate: str, expected: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load(tmp_path, f"[gate]\n{gate}")
    assert expected in str(caught.value)


def test_a_vocabulary_that_grows_may_get_the_word_later(tmp_path: Path) -> None:
    gate = '[[gate.guards]]\nmax_loss = 0.1\nslice = "grown"\nvalue = "z"'
    assert make_gate(load(tmp_path, gate)).guards[0].value == "z"


@pytest.mark.parametrize("gate", ['compare = "superior"', "margin = 0.1"])
def test_min_gain_is_for_scores_alone(tmp_path: Path, gate: str) -> None:
    with pytest.raises(ConfigError, match=r"registry\.min_gain is for gate\.compare = .score."):
        load(tmp_path, f"[gate]\n{gate}", registry="min_gain = 0.0")


def test_a_function_of_ones_own_is_loaded_from_a_file(tmp_path: Path) -> None:
    lines = (
        "from millstream import Verdict",
        "def gate(evidence):",
        "    return Verdict(True, 'x')",
    )
    (tmp_path / "model.py").write_text("\n".join(lines))
    own = make_gate(load(tmp_path, '[gate]\nown = "model:gate"')).own
    assert own is not None
    assert own(Evidence({}, {}, None, 0.0, 0)) == Verdict(True, "x")
    assert make_gate(load(tmp_path)).own is None
    with pytest.raises(ConfigError, match=r"gate\.own: .*a function gat\(\).*did you mean .gate"):
        make_gate(load(tmp_path, '[gate]\nown = "model:gat"'))
