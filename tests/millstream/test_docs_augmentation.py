"""The page on augmentation has each kind, each parameter and its default."""

from __future__ import annotations

import re
import tomllib
from dataclasses import MISSING, fields
from pathlib import Path

import pytest

from ingest import make_augmentation
from ingest.augment.catalogue import KINDS

PAGE = (Path(__file__).parents[2] / "docs" / "augmentation.md").read_text()
ROWS = dict(re.findall(r"^\| `(\w+)` \| [^|]* \| ([^|]*) \|$", PAGE, re.MULTILINE))
TOLD_ONCE = {"feature", "shape", "range", "interpolation", "fill_value"}
"""What is told above or below the tables, for all kinds that have it."""
EXAMPLE = re.compile(r"\[\[augment\.steps\]\]\n(.*?)(?=\n\[\[|\n```)", re.DOTALL)


def test_each_kind_has_a_row() -> None:
    assert {kind for kind in KINDS if kind not in ROWS} == set()


@pytest.mark.parametrize("kind", KINDS)
def test_each_parameter_is_told_with_its_default(kind: str) -> None:
    known = {field.name: field.default for field in fields(KINDS[kind])}
    told = dict(re.findall(r"`(\w+) = ([^`]+)`", ROWS[kind]))
    named = set(re.findall(r"`(\w+)`", ROWS[kind])) | set(told)
    assert set(known) - named - TOLD_ONCE == set()
    assert set(told) - set(known) == set()
    for name, text in told.items():
        value, default = tomllib.loads(f"v = {text}")["v"], known[name]
        assert default is not MISSING
        default = list(default) if isinstance(default, tuple) else default
        assert value == (
            default if isinstance(default, (str, bool)) else pytest.approx(default, 1e-3)
        )


def test_the_steps_of_the_page_can_be_made() -> None:
    steps = [tomllib.loads(text) for text in EXAMPLE.findall(PAGE)]
    assert len(steps) >= 5
    for step in steps:
        step.pop("probability", None)
        if kind := step.pop("kind", None):
            make_augmentation(kind, step)
        else:
            assert set(step) == {"own"}
