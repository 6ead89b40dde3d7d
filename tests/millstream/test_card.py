"""The model card: every part of a version is in it, whatever the round was like."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from ingest import Gap, Position
from millstream.drift.reaction import Reaction
from millstream.publishing.card import make_card
from millstream.publishing.card_facts import CardFacts
from millstream.rounds.folder import RoundFolder
from millstream.rounds.plan import Plan
from registry import KerasFile

BEGIN = Position({"flights": {0: 100, 1: 0}})
PLAN = Plan(
    round=7,
    parent=6,
    start=Position({"flights": {0: 1_100, 1: 500}}),
    end=Position({"flights": {0: 2_345, 1: 500}}),
    gaps=(),
    seed=11,
    recipe="c0ffee",
    reason="1000 records",
    created_ms=0,
    history_rows=40,
)
REPORT = {
    "counts": {
        "seen": 1245,
        "bad": 3,
        "train": 942,
        "validation": 150,
        "test": 150,
        "unchecked": 12,
        "kinds": {},
    },
    "cluster_id": "MkU3OEVBNTcwNTJENDM2Qg",
    "first_timestamp": 1_700_000_000_000,
    "last_timestamp": 1_700_000_600_000,
    "sampled": 600,
    "prequential": {"rows": 150, "learner": {"auc": 0.71, "log_loss": 0.6}},
}
SCHEMA = {
    "fields": [
        {"name": "a", "dtype": "float32", "role": "feature", "vocabulary": [], "buckets": 0},
        {
            "name": "way",
            "dtype": "category",
            "role": "feature",
            "vocabulary": [f"w|{n}" for n in range(25)],
            "buckets": 0,
            "default": "w|0",
        },
        {"name": "to", "dtype": "category", "role": "feature", "vocabulary": [], "buckets": 900},
        {
            "name": "hours",
            "dtype": "int32",
            "role": "feature",
            "vocabulary": [],
            "buckets": 0,
            "length": 3,
        },
        {"name": "late", "dtype": "bool", "role": "label", "vocabulary": [], "buckets": 0},
    ],
    "task": "binary",
    "metric": "auc",
}
OUTCOME = {
    "rung": "int8",
    "bytes": 2_000,
    "gzip_bytes": 900,
    "float32_bytes": 8_000,
    "scores": {"auc": 0.8123, "log_loss": 0.5},
    "float32_scores": {"auc": 0.8125, "log_loss": 0.5},
    "champion_scores": None,
    "test_rows": 150,
    "rungs": [
        {"rung": "float32", "bytes": 8_000, "gzip_bytes": 7_000, "scores": {"auc": 0.8125}},
        {
            "rung": "int8",
            "bytes": 2_000,
            "gzip_bytes": 900,
            "scores": {"auc": 0.8123},
            "latency_ms": {"1": 0.0123, "32": 0.1},
            "kept_float": ["dense/MatMul"],
            "chosen": True,
        },
        {
            "rung": "int4",
            "bytes": 1_500,
            "gzip_bytes": 800,
            "scores": {"auc": 0.7},
            "refused": "auc 0.7 | too low",
        },
        {"rung": "channels_50", "skipped": "no convolution"},
    ],
}
FACTS = CardFacts(
    name="flights",
    schema=SCHEMA,
    example={"a": [1.5, 2.0], "way": ["w|1", "w|2"], "to": ["BOS", ""], "hours": [[1, 2, 3]]},
    outcome=OUTCOME,
    intervals={"auc": (0.79, 0.83)},
    gate="better by 0.01",
    promote=True,
    reason="better by 0.01",
    keras=KerasFile(b"x" * 12_345, ("millstream>StreamNormalization", "mine>Gate")),
)


@pytest.fixture
def folder(tmp_path: Path) -> RoundFolder:
    made = RoundFolder(tmp_path / "000007")
    made.path.mkdir()
    return made


def card(folder: RoundFolder, plan: Plan = PLAN, facts: CardFacts = FACTS, **report: Any) -> str:
    from millstream.durable import write_json

    write_json(folder.path / "plan.json", plan.to_json())
    folder.write_report(REPORT | report)
    return make_card(folder, BEGIN, facts)


def test_it_tells_which_records_and_when(folder: RoundFolder) -> None:
    text = card(folder)
    assert "| flights | 0 | 1,100 to 2,344 | 1,245 |" in text
    assert "| flights | 1 |" not in text  # nothing was read there
    assert "Of 1,245 records 3 were bad, 12 were not looked into, and 600 were sampled" in text
    assert "150 for early stopping, 150 for scores" in text
    assert "40 rows of the past were trained on again" in text
    assert "2023-11-14 22:13:20 UTC to 2023-11-14 22:23:20 UTC" in text
    assert "cluster: `MkU3OEVBNTcwNTJENDM2Qg`" in text
    assert "rounds 1 to 6, of all offsets from the first round's on (flights[0] 100" in text
    assert "There are no gaps" in text


def test_it_tells_of_gaps(folder: RoundFolder) -> None:
    gaps = tuple(Gap("flights", 0, start, start + 2) for start in range(1_100, 1_300, 3))
    text = card(folder, replace(PLAN, gaps=gaps, start=PLAN.start))
    assert f"the broker had deleted {2 * len(gaps):,} records before they were read" in text
    assert "| flights | 0 | 1,100 to 1,101 | 2 |" in text
    assert f"| {len(gaps) - 50} more are in plan.json |" in text


def test_it_tells_scores_with_intervals_and_all_rungs(folder: RoundFolder) -> None:
    text = card(folder)
    assert "| metric | this version | 95 % interval | float32 | learner before the round |" in text
    assert "| auc | 0.8123 | 0.7900 to 0.8300 | 0.8125 | 0.7100 |" in text
    assert "| log_loss | 0.5000 | - | 0.5000 | 0.6000 |" in text
    assert "| float32 | 8,000 | 7,000 | 0.8125 | - | passed |" in text
    shipped = "| int8 | 2,000 | 900 | 0.8123 | 0.012 | **shipped** (1 operations stay float) |"
    assert shipped in text
    assert "not as good as float32: auc 0.7 \\| too low |" in text
    assert "| channels_50 | - | - | - | - | skipped: no convolution |" in text
    assert "The version may be promoted: better by 0.01" in text
    assert "is not promoted: worse" in card(
        folder, facts=replace(FACTS, promote=False, gate="worse")
    )


@pytest.mark.parametrize(
    ("report", "plan", "told"),
    [
        ({}, PLAN, "Nothing was watched."),
        ({"drift": {"found": "", "error": None, "features": []}}, PLAN, "None was found."),
        (
            {"drift": {"found": "the error rose", "error": {"changed_ms": 1_700_000_000_000}}},
            PLAN,
            "Found: the error rose. The error is higher from about 2023-11-14 22:13:20 UTC on.",
        ),
        (
            {"drift": {"found": "", "error": None}},
            replace(PLAN, reaction=Reaction("the error rose", "champion", 4)),
            "it began with the weights of the champion's round, 4.",
        ),
    ],
)
def test_it_tells_of_drift(folder: RoundFolder, report: Any, plan: Plan, told: str) -> None:
    assert told in card(folder, plan, **report)


def test_it_tells_what_goes_in_and_how_to_ask(folder: RoundFolder) -> None:
    text = card(folder)
    assert "| `a` | feature | float32 |" in text
    assert "`w\\|19` and 5 more; may be missing, then 'w|0' |" in text
    assert "| `to` | feature | category, any word, in 900 buckets |" in text
    assert "| `hours` | feature | list of 3, int32 |" in text
    assert "| `late` | label | bool |" in text
    code = text.split("```python\n")[1].split("```")[0]
    compile(code, "card", "exec")
    assert 'load_model("models:/flights@champion")' in code
    assert "{'a': 1.5, 'way': 'w|1', 'to': 'BOS', 'hours': [1, 2, 3]}" in code


def test_it_tells_what_the_keras_file_needs(folder: RoundFolder) -> None:
    text = card(folder)
    assert "12,345 bytes, without an optimizer" in text
    assert FACTS.keras is not None
    assert FACTS.keras.sha256 in text
    assert "after `from millstream import StreamNormalization`" in text
    assert 'with `custom_objects={"mine>Gate": ...}`' in text
    text = card(folder, facts=replace(FACTS, keras=None, why_no_keras="it has a Lambda"))
    assert "no `.keras` file: it has a Lambda" in text


def test_what_is_not_known_is_said(folder: RoundFolder) -> None:
    text = card(folder, first_timestamp=None, last_timestamp=None, cluster_id=None)
    assert "Their timestamps are not known." in text
    assert "cluster" not in text
    assert "10000000000000000 ms to" in card(folder, first_timestamp=10**16)
    first = card(folder, replace(PLAN, round=1, parent=0, start=BEGIN))
    assert "Before them" not in first
