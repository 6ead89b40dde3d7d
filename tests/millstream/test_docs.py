"""The documents say what the code does."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from pydantic import BaseModel

import trainer
from millstream.cli.app import EXIT_CODES
from millstream.config.config import METRICS, Config, load_config
from millstream.config.schema import FieldSpec
from millstream.pipeline import make_schema
from millstream.trainable import check_fits

ROOT = Path(__file__).parents[2]


def test_every_setting_is_documented_with_its_default() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    parts = re.split(r"^## \[(\w+)\]$", text, flags=re.MULTILINE)
    documented = dict(zip(parts[1::2], parts[2::2], strict=True))
    sections = {f.alias or n: f for n, f in Config.model_fields.items() if n != "directory"}
    assert set(documented) == set(sections)
    for name, section in sections.items():
        model = section.annotation
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        rows = dict(re.findall(r"^\| `([\w.<>]+)` \| ([^|]*) \|", documented[name], re.MULTILINE))
        keys = {key.split(".")[0] for key in rows}
        assert keys == set(model.model_fields), name
        for key, field in model.model_fields.items():
            if isinstance(field.default, (int, float)) and not isinstance(field.default, bool):
                assert float(rows[key]) == float(field.default), (name, key)


def test_every_key_of_a_feature_is_documented() -> None:
    text = (ROOT / "docs" / "configuration.md").read_text()
    keys = re.findall(r"^\| `features\.<name>\.(\w+)` \|", text, re.MULTILINE)
    assert sorted(keys) == sorted(FieldSpec.model_fields)


def test_exit_codes_are_the_same_in_help_and_docs() -> None:
    documented = (ROOT / "docs" / "configuration.md").read_text().split("## Exit codes")[1]
    in_docs = set(re.findall(r"^\| (\d) \|", documented, re.MULTILINE))
    assert in_docs == set(re.findall(r"(?:: |·\s)(\d) ", EXIT_CODES))


def test_metrics_of_the_configuration_are_the_trainers() -> None:
    assert {task: set(names) for task, names in METRICS.items()} == {
        task: set(names) for task, names in trainer.METRICS.items()
    }


@pytest.mark.parametrize("folder", ["deploy/compose", "millstream/demo", "millstream/template"])
def test_the_configurations_that_we_ship_fit_their_models(
    folder: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("KAFKA_SERVERS", "kafka:19092")
    config = load_config(ROOT / folder / "millstream.toml")
    model = trainer.build_model(config.train.model, config.directory)
    check_fits(model, make_schema(config))
