"""What drift detection goes on with, and what it finds, without a service."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from ingest import Field, Rows, Schema
from millstream.config.config import Config, load_config
from millstream.config.drift import PARAMETERS, DriftConfig
from millstream.drift.drift import watch
from millstream.drift.holdout_sample import HoldoutSample
from millstream.drift.reacting import sample_of_all
from millstream.drift.reaction import Reaction
from millstream.drift.state import DriftState
from millstream.errors import ConfigError, RoundStoreError
from millstream.prequential.rows import Tested as Holdout
from trainer import run_workers
from trainer.drift import KINDS, TESTS

from .project import make_project

SCHEMA = Schema(
    (
        Field("a", "float32"),
        Field("many", "int32", length=3),
        Field("kind", "category", vocabulary=("p", "q", "r")),
        Field("sure", "bool"),
        Field("when", "timestamp"),
        Field("y", "bool", "label"),
    )
)


class Folder:
    """A round's folder that has what drift detection left."""

    path = Path("rounds/000007")

    def __init__(self, data: bytes | None) -> None:
        self._data = data

    def drift(self) -> bytes | None:
        return self._data


def rows_of(count: int, seed: int, shift: float = 0.0, start: int = 0) -> Rows:
    random = np.random.default_rng(seed)
    return Rows(
        topics=("t",),
        topic=np.zeros(count, np.int32),
        partition=np.zeros(count, np.int32),
        offset=np.arange(start, start + count),
        timestamp=np.arange(start, start + count) * 1000,
        columns={
            "a": (random.normal(size=count) + shift).astype(np.float32),
            "many": random.integers(0, 9, (count, 3)).astype(np.int32),
            "kind": random.integers(0, 4, count).astype(np.int32),
            "sure": random.random(count) < 0.5,
            "when": np.arange(count),
            "y": random.random(count) < 0.5,
        },
    )


def sample(count: int, seed: int, shift: float = 0.0, start: int = 0) -> HoldoutSample:
    return HoldoutSample.of(rows_of(count, seed, shift, start), SCHEMA, 3)


def holdout_of(wrong: np.ndarray, start: int = 0) -> Holdout:
    """Rows of which some are predicted wrongly."""
    count = len(wrong)
    labels = np.random.default_rng(count).random(count) < 0.5
    return Holdout(
        topic=np.zeros(count, np.int32),
        partition=np.zeros(count, np.int32),
        offset=np.arange(start, start + count),
        timestamp=np.arange(start, start + count) * 1000,
        labels=labels,
        learner=(labels ^ wrong).astype(np.float32),
    )


def errors(count: int, low: float, high: float, seed: int = 0) -> np.ndarray:
    rates = np.where(np.arange(count) < count // 2, low, high)
    return np.random.default_rng(seed).random(count) < rates


def config_of(tmp_path, drift: str) -> Config:
    make_project(tmp_path, "localhost:1", "drift")
    path = tmp_path / "millstream.toml"
    path.write_text(f"{path.read_text()}\n[drift]\n{drift}\n")
    return load_config(path)


def crossed(state: DriftState, section: DriftConfig) -> DriftState:
    return DriftState.after(Folder(state.to_bytes(section)), section)


def test_a_rise_is_found_and_told_where(tmp_path) -> None:
    config = config_of(tmp_path, 'detector = "adwin"')
    calm = watch(config, DriftState(), holdout_of(errors(1000, 0.1, 0.1)), None)
    assert calm.why == ""
    state = crossed(calm.state, config.drift)
    found = watch(config, state, holdout_of(errors(1000, 0.1, 0.6, seed=1), 1000), None)
    assert found.why.startswith("the error rose from 0.0")
    assert found.changed_ms == 1_500_000
    assert found.state.detector is None
    assert found.to_json()["error"]["changed_ms"] == found.changed_ms
    assert found.to_json()["features"] == []


def test_rounds_find_what_one_long_round_finds(tmp_path) -> None:
    config = config_of(tmp_path, 'detector = { kind = "adwin", clock = 16 }\nerror = "zero_one"')
    wrong = errors(3000, 0.1, 0.5, seed=2)
    whole = watch(config, DriftState(), holdout_of(wrong), None)
    state, row = DriftState(), None
    for place in range(0, 3000, 250):
        found = watch(config, state, holdout_of(wrong[place : place + 250], place), None)
        state = crossed(found.state, config.drift)
        if found.finding is not None:
            row = found.finding.row
            break
    assert row == whole.finding.row


def test_other_settings_begin_anew_and_others_go_on(tmp_path) -> None:
    config = config_of(tmp_path, 'detector = "adwin"\nfeature_test = "ks"')
    state = watch(config, DriftState(), holdout_of(errors(100, 0.1, 0.1)), sample(100, 1)).state
    data = replace(state, recent_left=2, why="w").to_bytes(config.drift)
    for drift, detector, reference in (
        ('detector = "adwin"\nfeature_test = { kind = "ks", alpha = 0.1 }', True, True),
        ('detector = { kind = "adwin", delta = 0.1 }\nfeature_test = "ks"', False, True),
        ('detector = "adwin"\nfeature_test = "mmd"', True, False),
        ('detector = "adwin"\nerror = "zero_one"\nfeature_test = "ks"', False, True),
    ):
        other = config_of(tmp_path, drift).drift
        known = DriftState.after(Folder(data), other)
        assert (known.detector is not None, known.reference is not None) == (detector, reference)
        assert (known.recent_left, known.why) == (2, "w")
    assert DriftState.after(Folder(None), config.drift).detector is None


@pytest.mark.parametrize("damage", [b"", b"PK\x03\x04", b"not an npz"])
def test_a_damaged_state_is_refused(damage: bytes) -> None:
    with pytest.raises(RoundStoreError, match=r"000007/drift.npz: expected the state"):
        DriftState.after(Folder(damage), DriftConfig())


def test_a_state_with_any_byte_changed_is_read_or_refused() -> None:
    whole = DriftState(reference=sample(20, 1)).to_bytes(DriftConfig())
    random, refused = np.random.default_rng(1), 0
    for _ in range(600):
        damaged = bytearray(whole)
        damaged[random.integers(len(whole))] ^= int(random.integers(1, 256))
        try:
            DriftState.after(Folder(bytes(damaged)), DriftConfig())
        except RoundStoreError:
            refused += 1
    assert refused > 100


def test_a_newer_state_is_refused(monkeypatch) -> None:
    monkeypatch.setattr("millstream.drift.state.FORMAT", 2)
    data = DriftState().to_bytes(DriftConfig())
    monkeypatch.undo()
    with pytest.raises(RoundStoreError, match="expected format 1, got 2"):
        DriftState.after(Folder(data), DriftConfig())


def test_a_shift_is_found_and_becomes_what_is_usual(tmp_path) -> None:
    config = config_of(tmp_path, 'feature_test = "ks"')
    nobody = holdout_of(np.zeros(0, np.bool_))
    state, found = DriftState(), []
    for number in range(6):
        part = sample(300, number, shift=0.0 if number < 3 else 1.0, start=1000 * number)
        watched = watch(config, state, nobody, part)
        state = crossed(watched.state, config.drift)
        found.append(watched.why)
    assert found[:3] == ["", "", ""]
    assert found[3].startswith("feature a shifted by 0.")
    assert found[4:] == ["", ""]


def test_few_rows_are_not_compared_but_kept(tmp_path) -> None:
    config = config_of(tmp_path, 'feature_test = "mmd"')
    nobody = holdout_of(np.zeros(0, np.bool_))
    first = watch(config, DriftState(), nobody, sample(300, 1))
    few = watch(config, first.state, nobody, sample(49, 2, shift=9.0, start=1000))
    assert few.shifts == ()
    assert len(few.state.reference) == 349


def test_a_sample_is_the_same_however_its_rows_were_cut() -> None:
    rows = rows_of(500, 1)
    whole = HoldoutSample.of(rows, SCHEMA, 3).first(100)
    cuts = np.split(np.arange(500), [7, 240])
    parts = [HoldoutSample.of(rows.take(cut), SCHEMA, 3).first(100) for cut in cuts]
    merged = HoldoutSample.merge(parts[::-1], 100)
    again = HoldoutSample.from_arrays(merged.to_arrays())
    for other in (merged, again):
        assert other.keys.tolist() == whole.keys.tolist()
        for name in ("a", "many"):
            np.testing.assert_array_equal(other.numbers[name], whole.numbers[name])
        for name in ("kind", "sure"):
            np.testing.assert_array_equal(other.codes[name], whole.codes[name])
    assert set(whole.numbers) | set(whole.codes) == {"a", "many", "kind", "sure"}
    assert HoldoutSample.of(rows, SCHEMA, 4).first(100).keys.tolist() != whole.keys.tolist()


def test_rows_weigh_by_their_age() -> None:
    reaction = Reaction("w", newest_ms=4000, half_life_ms=1000.0)
    times = np.array([4000, 3000, 2000, -1, -(10**15) + 10**15])
    assert reaction.recency(times).tolist() == [1.0, 0.5, 0.25, 1.0, 2.0**-4]
    assert Reaction("w").recency(times).tolist() == [1.0] * 5


@pytest.mark.parametrize(
    ("drift", "said"),
    [
        ('detector = "ddm"', "drift.detector.kind"),
        ('detector = { kind = "adwin", dleta = 0.1 }', 'unknown key dleta .* mean "delta"'),
        ('detector = { kind = "adwin", delta = "small" }', "delta: expected a number, got 'small'"),
        ('detector = { kind = "none", delta = 0.1 }', "unknown key delta of kind 'none'; it has"),
        ('feature_test = { kind = "ks", permutations = 9 }', "known: alpha, least_distance, rows"),
        ('reaction = ["panic"]', "expected some of recent"),
        ('reaction = ["recnt"]', 'did you mean "recent"'),
        ('reaction = ["recent"]', "nothing is watched that it would react to"),
        ('reaction = ["from_scratch", "from_champion"]', "got both"),
        ("reaction = { reset_slots = true }", "goes with reset_learning_rate"),
        ('detector = "adwin"\nerror = "rank"', "drift.error"),
        ("[trigger]\ndrift = true", "trigger"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, drift: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        config_of(tmp_path, drift)


def test_the_parameters_are_those_of_the_detectors_and_tests() -> None:
    kinds = {**KINDS, **TESTS}
    assert {name: tuple(kind.__dataclass_fields__) for name, kind in kinds.items()} == {
        name: known for name, known in PARAMETERS.items() if name != "none"
    }


def test_a_detector_of_another_seed_begins_anew_with_this_round(tmp_path, caplog) -> None:
    config = config_of(tmp_path, 'detector = "adwin"')
    text = (tmp_path / "millstream.toml").read_text()
    wrong = holdout_of(errors(500, 0.1, 0.1))
    before = watch(config, DriftState(), wrong, None).state
    (tmp_path / "millstream.toml").write_text(text.replace("seed = 11", "seed = 77"))
    other = load_config(tmp_path / "millstream.toml")
    assert other.sample.seed != config.sample.seed
    assert watch(other, before, wrong, None).state.detector["rows"] == 500
    assert "begins anew" in caplog.text


def test_reactions_for_short_and_as_a_table(tmp_path) -> None:
    watching = 'detector = "adwin"\n'
    short = config_of(
        tmp_path, f'{watching}reaction = ["recent", "reset_learning_rate"]'
    ).drift.reaction
    table = config_of(
        tmp_path, f"{watching}reaction = {{ recent = true, reset_learning_rate = true }}"
    ).drift.reaction
    assert short == table
    assert short.recent.rounds == 3
    assert config_of(tmp_path, "reaction = []").drift.reaction.recent is None


def test_workers_compare_the_same_rows_as_one_would(tmp_path) -> None:
    config = config_of(tmp_path, 'feature_test = { kind = "ks", rows = 60 }')
    rows = rows_of(200, 1)

    def work(workers):
        own = rows.take(np.flatnonzero(np.arange(200) % workers.size == workers.rank))
        half = np.arange(len(own)) < 30
        window = SimpleNamespace(validation=own.take(half), test=own.take(~half))
        turn = SimpleNamespace(window=window, plan=SimpleNamespace(seed=3))
        pipeline = SimpleNamespace(config=config, workers=workers)
        return sample_of_all(pipeline, turn, SCHEMA)

    (alone,) = run_workers(1, work)
    assert len(alone) == 60
    for found in run_workers(3, work):
        assert found.keys.tolist() == alone.keys.tolist()
        np.testing.assert_array_equal(found.numbers["a"], alone.numbers["a"])
