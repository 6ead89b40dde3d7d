"""[sample] and [history]: what is accepted, what it becomes, and what belongs to a recipe."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from ingest import Balanced, Recent, SamplerError, Stratified, Weighted
from millstream.cli.app import exit_code
from millstream.config.config import Config, load_config
from millstream.errors import ConfigError
from millstream.pipeline import make_schema
from millstream.recipe import differences, fingerprint, make_recipe
from millstream.sampling import make_sample_settings
from tests.ingest.samples import make_rows

from .test_config import GOOD, write

FIELDS = 'moment = "timestamp"\nhour = { type = "int32", min = 0, max = 23 }\n[train]'
FUNCTION = "def weights(columns):\n    return columns['amount'] * 2.0\n"


def load(tmp_path: Path, text: str = "", section: str = "sample") -> Config:
    fields = GOOD.replace("[train]", FIELDS)
    assert fields != GOOD
    return load_config(write(tmp_path, f"{fields}\n[{section}]\n{text}\n"))


def made(tmp_path: Path, policy: str):
    config = load(tmp_path, f"policy = {policy}")
    return make_sample_settings(config, make_schema(config)).policy


def test_a_policy_is_a_word_or_a_table(tmp_path: Path) -> None:
    assert made(tmp_path, '"uniform"') == made(tmp_path, '{ kind = "uniform" }')
    assert made(tmp_path, '"balanced"').allocation == Balanced("y")
    assert made(tmp_path, '{ kind = "weighted", weight = "amount" }').weighting == Weighted(
        "amount"
    )
    assert made(tmp_path, '{ kind = "recent", half_life_s = 60 }').weighting == Recent(60)
    recent = '{ kind = "recent", half_life_s = 60, time = "moment" }'
    assert made(tmp_path, recent).weighting == Recent(60, field="moment")
    records = '{ kind = "recent", half_life_records = 5000 }'
    assert made(tmp_path, records).weighting == Recent(records=5000)
    balanced = '{ kind = "balanced", by = "country", cap = 100, shares = { FR = 3 } }'
    assert made(tmp_path, balanced).allocation == Balanced("country", 100, {2: 3.0})
    truth = '{ kind = "balanced", shares = { true = 3 } }'
    assert made(tmp_path, truth).allocation == Balanced("y", None, {1: 3.0})
    stratified = '{ kind = "stratified", by = "hour", least = 50 }'
    assert made(tmp_path, stratified).allocation == Stratified("hour", 50)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('policy = "unifrom"', "sample.policy.kind: input should be 'uniform', 'weighted',"),
        (
            'policy = { kind = "balanced", capp = 3 }',
            'sample.policy.capp: unknown key; did you mean "cap"?',
        ),
        (
            'policy = { kind = "recent", half_life_s = 3, cap = 3 }',
            'sample.policy: "cap" is for kind = "balanced", and this is "recent"',
        ),
        (
            'policy = { kind = "uniform", by = "country" }',
            'sample.policy: "by" is for kind = "balanced" and "stratified", and this is "uniform"',
        ),
        ('policy = "weighted"', 'sample.policy: kind = "weighted" needs "weight"'),
        (
            'policy = { kind = "stratified", by = "country" }',
            'sample.policy: kind = "stratified" needs "least"',
        ),
        ('policy = "recent"', 'needs either "half_life_s" or "half_life_records"'),
        (
            'policy = { kind = "recent", half_life_s = 3, half_life_records = 4 }',
            'needs either "half_life_s" or "half_life_records"',
        ),
        (
            'policy = { kind = "recent", half_life_records = 4, time = "moment" }',
            'sample.policy: "time" goes with "half_life_s"',
        ),
        ('policy = { kind = "recent", half_life_s = 0 }', "sample.policy.half_life_s: input"),
        ('policy = { kind = "balanced", shares = { FR = 0 } }', "sample.policy.shares.FR: input"),
        ('importance = "los"', "sample.importance.score: input should be 'loss' or"),
        (
            'importance = { score = "loss", presample = 3 }',
            'sample.importance.presample: unknown key; did you mean "pre_sample"?',
        ),
        ('importance = { score = "loss", uniform_share = 0 }', "sample.importance.uniform_share"),
        (
            'importance = "loss"\nweights = "none"',
            'sample: what is drawn by importance needs weights = "stream"',
        ),
    ],
)
def test_a_sample_that_cannot_be_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text)
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("ratio = 2.0\nmost_ratio = 1.5", "history: expected most_ratio of at least ratio, which"),
        ("rows = -1", "history.rows: input should be greater than or equal to 0"),
        ("bytes = 0", "history.bytes: input should be greater than or equal to 1"),
        ('policy = "weighted"', 'history.policy: kind = "weighted" needs "weight"'),
    ],
)
def test_a_history_that_cannot_be_is_refused(tmp_path: Path, text: str, expected: str) -> None:
    with pytest.raises(ConfigError) as error:
        load(tmp_path, text, "history")
    assert expected in str(error.value)


@pytest.mark.parametrize(
    ("policy", "expected"),
    [
        ('{ kind = "weighted", weight = "amout" }', "policy: weighted: the schema has no numeric"),
        ('{ kind = "weighted", weight = "country" }', 'no numeric field "country" as a weight'),
        ('{ kind = "balanced", by = "amount" }', 'field "amount" may have any number of values'),
        ('{ kind = "balanced", shares = { maybe = 2 } }', 'field "y": it never has the value'),
        ('{ kind = "stratified", by = "city", least = 3 }', "stratified: the schema has no field"),
        ('{ kind = "recent", half_life_s = 3, time = "hour" }', 'no timestamp "hour"'),
        ('{ kind = "weighted", weight = "model:weights" }', "policy.weight: model 'model:weights'"),
    ],
)
@pytest.mark.parametrize("section", ["sample", "history"])
def test_a_policy_that_does_not_fit_the_schema_is_told(
    tmp_path: Path, section: str, policy: str, expected: str
) -> None:
    config = load(tmp_path, f"policy = {policy}", section)
    with pytest.raises(ConfigError) as error:
        make_sample_settings(config, make_schema(config))
    assert str(error.value).startswith(f"{section}.policy")
    assert expected in str(error.value)


def test_bytes_of_rows_that_differ_in_size_are_not_bounded_for_every_policy(tmp_path: Path) -> None:
    stratified = 'rows = 9\npolicy = { kind = "stratified", by = "hour", least = 3 }'
    config = load(tmp_path, f"{stratified}\nbytes = 900", "history")
    grown = config.schema_.features["country"].model_copy(update={"grow": 9})
    features = config.schema_.features | {"country": grown}
    section = config.schema_.model_copy(update={"features": features})
    growing = make_schema(config.model_copy(update={"schema_": section}))
    make_sample_settings(config, make_schema(config))
    make_sample_settings(load(tmp_path, stratified, "history"), growing)
    with pytest.raises(
        ConfigError, match=r'history\.policy: sampler: rows differ in size \("country'
    ):
        make_sample_settings(config, growing)


def test_a_function_of_the_users_weighs_rows(tmp_path: Path) -> None:
    (tmp_path / "model.py").write_text(FUNCTION)
    weighting = made(tmp_path, '{ kind = "weighted", weight = "model:weights" }').weighting
    rows = make_rows(20)
    weights = np.exp(weighting.log_weights(rows))
    assert weights == pytest.approx(2.0 * rows.columns["amount"])
    (tmp_path / "model.py").write_text(FUNCTION.replace("'amount'", "'gone'"))
    changed = made(tmp_path, '{ kind = "weighted", weight = "model:weights" }').weighting
    assert changed.settings != weighting.settings
    with pytest.raises(
        SamplerError, match=r"sample\.policy\.weight: model:weights failed"
    ) as error:
        changed.log_weights(rows)
    assert exit_code(error.value) == 2


def test_the_window_is_larger_where_rows_are_drawn_by_importance(tmp_path: Path) -> None:
    config = load(tmp_path, 'window = 101\nimportance = { score = "loss", pre_sample = 2.5 }')
    assert make_sample_settings(config, make_schema(config)).window == 253
    assert config.sample.weighs
    assert load(tmp_path, 'weights = "stream"').sample.weighs
    assert not load(tmp_path).sample.weighs


def test_what_the_histories_need_is_kept_only_with_one(tmp_path: Path) -> None:
    config = load(tmp_path, "ratio = 1.0", "history")
    assert make_sample_settings(config, make_schema(config)).past is None
    text = 'rows = 70\nbytes = 9000\nholdout_rows = 8\npolicy = "balanced"'
    config = load(tmp_path, text, "history")
    past = make_sample_settings(config, make_schema(config)).past
    assert past is not None
    assert (past.rows, past.most_bytes, past.holdout_rows) == (70, 9000, 8)
    assert past.policy.allocation == Balanced("y")


def test_recipes_of_old_stay_the_same(tmp_path: Path) -> None:
    old = {"seed": 0, "window": 20_000, "holdout": 0.1, "holdout_rows": 4_000}
    recipe = make_recipe(load(tmp_path), "model")
    assert recipe["sample"] == old
    assert "history" not in recipe
    same = make_recipe(load(tmp_path, 'policy = "uniform"\nweights = "none"'), "model")
    assert fingerprint(same) == fingerprint(recipe)
    unused = make_recipe(load(tmp_path, "ratio = 3.0", "history"), "model")
    assert fingerprint(unused) == fingerprint(recipe)


def test_what_decides_samples_is_in_the_recipe(tmp_path: Path) -> None:
    base = make_recipe(load(tmp_path), "model")
    text = 'policy = { kind = "balanced", cap = 9 }\nimportance = "loss"'
    sampled = make_recipe(load(tmp_path, text), "model")
    assert sampled["sample"]["policy"] == {"kind": "balanced", "cap": 9}
    assert sampled["sample"]["importance"]["pre_sample"] == 4.0
    kept = make_recipe(load(tmp_path, "rows = 9", "history"), "model")
    assert kept["history"]["ratio"] == 0.5
    assert len({fingerprint(r) for r in (base, sampled, kept)}) == 3


@pytest.mark.parametrize("section", ["sample", "history"])
def test_so_is_the_file_of_a_function(tmp_path: Path, section: str) -> None:
    rows = "rows = 5\n" if section == "history" else ""
    (tmp_path / "own.py").write_text(FUNCTION)
    text = f'{rows}policy = {{ kind = "weighted", weight = "own:weights" }}'
    config = load(tmp_path, text, section)
    before = make_recipe(config, "model")
    (tmp_path / "own.py").write_text(FUNCTION.replace("2.0", "3.0"))
    (changed,) = differences(before, make_recipe(config, "model"))
    assert changed.startswith(f"{section}.weight_source: ")
