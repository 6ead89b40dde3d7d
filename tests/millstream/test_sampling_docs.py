"""The page on sampling: its configurations are accepted, and its table is what comes out."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pytest

from ingest import BottomK, Rows
from millstream.config.config import load_config
from millstream.config.sample import ImportanceSpec, PolicySpec
from millstream.pipeline import make_schema
from millstream.sampling import make_sample_settings

TEXT = (Path(__file__).parents[2] / "docs" / "sampling.md").read_text()
BASE = """
[kafka]
topics = ["payments"]
[schema]
label = { name = "is_fraud", type = "bool" }
[schema.features]
amount = { type = "float32", min = 0 }
at = "timestamp"
country = { type = "category", vocabulary = ["DE", "FR", "PL"] }
[train]
task = "binary"
[trigger]
records = 1000
[registry]
name = "fraud"
"""
COUNT, HOUR = 10_000, 3_600_000


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", TEXT, re.MULTILINE | re.DOTALL)


def policy_of(path: Path, text: str):
    (path / "millstream.toml").write_text(BASE + text)
    (path / "model.py").write_text(blocks("python")[0])
    config = load_config(path / "millstream.toml")
    schema = make_schema(config)
    return schema, make_sample_settings(config, schema)


@pytest.mark.parametrize("number", range(len(blocks("toml"))))
def test_each_example_is_accepted(tmp_path: Path, number: int) -> None:
    _, settings = policy_of(tmp_path, blocks("toml")[number])
    assert settings.window in (300, 1200, 20_000)


def test_every_key_of_a_policy_and_of_importance_is_documented() -> None:
    text = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text()
    section = text.split("## [sample]")[1].split("## [history]")[0]
    words = set(re.findall(r"\w+", " ".join(re.findall(r"`([^`]+)`", section))))
    keys = {*PolicySpec.model_fields, *ImportanceSpec.model_fields}
    assert keys - {"kind"} <= words


def payments() -> Rows:
    random = np.random.default_rng(5)
    zeros, number = np.zeros(COUNT, np.int32), np.arange(COUNT)
    columns = {
        "amount": random.lognormal(3.0, 1.0, COUNT).astype(np.float32),
        "at": (number * (10 * HOUR / COUNT)).astype(np.int64),
        "country": random.choice([1, 2, 3], COUNT, p=[0.9, 0.09, 0.01]).astype(np.int32),
        "is_fraud": random.random(COUNT) < 0.01,
    }
    return Rows(("payments",), zeros, zeros, number, number, columns)


def test_the_table_is_what_comes_out(tmp_path: Path) -> None:
    rows = payments()
    lines = [
        "| policy | rows | of fraud | from PL | mean amount | mean hour | mean amount, weighed |",
        "|---|---|---|---|---|---|---|",
        row_of("the stream", rows, np.ones(COUNT)),
    ]
    for text in blocks("toml"):
        kind = re.search(r'policy = (?:{ kind = )?"(\w+)"', text)
        if kind is not None and "window = 300" in text:
            schema, settings = policy_of(tmp_path, text)
            sampler = BottomK(settings.policy.selection(300, 0, schema), rows.topics)
            sampler.offer(rows)
            lines.append(row_of(kind[1], sampler.sample(), sampler.weights()))
    table = "\n".join(lines)
    print(f"\n{table}")
    assert table in TEXT


def row_of(name: str, rows: Rows, weights: np.ndarray) -> str:
    values = {name: np.asarray(column) for name, column in rows.columns.items()}
    amount = values["amount"].astype(np.float64)
    facts = (
        f"{len(rows)}",
        f"{values['is_fraud'].sum()}",
        f"{(values['country'] == 3).sum()}",
        f"{amount.mean():.1f}",
        f"{values['at'].mean() / HOUR:.1f}",
        f"{np.average(amount, weights=weights):.1f}",
    )
    return f"| {name} | {' | '.join(facts)} |"
