"""The verdict on seconds as a round has them; `test_verdict_rounds` has real ones."""

from __future__ import annotations

import kafka
import pytest
from hypothesis import given
from hypothesis import strategies as st

from millstream.config.config import Config
from millstream.watch.seconds import Seconds
from millstream.watch.verdict import ADVICE, BOUNDS, DOING, find_bottleneck, parts_of

REPORT = {
    "seconds": {"wait": 1.0, "broker": 0.5, "decode": 0.25, "cut": 0.05, "plan": 0.01}
    | {"test": 0.3, "train": 4.0, "checkpoint": 0.1},
    "training": {
        "seconds_by_part": {"compile": 0.5, "input": 0.5, "step": 2.0, "validation": 0.25}
        | {"other": 0.25}
    },
}
PUBLISHED = {"seconds": {"export": 1.0, "gate": 0.2, "register": 0.3}}
PARTS = parts_of(REPORT, PUBLISHED)


def test_the_parts_hold_every_second_once() -> None:
    assert sum(PARTS.values()) == pytest.approx(
        sum(REPORT["seconds"].values()) + sum(PUBLISHED["seconds"].values())
    )
    assert PARTS["prepare"] == pytest.approx(0.5)


def test_the_sentence_has_the_numbers_and_the_setting() -> None:
    found = find_bottleneck(REPORT, PUBLISHED, lag=12_345)
    assert found is not None
    assert found.bound == "compute-bound"
    assert found.setting == "train.epochs"
    assert found.sentence == (
        "compute-bound: 3.3 of 7.7 s (43%) went into the model (step 2.0, compile 0.5, test 0.3,"
        " validation 0.2, other 0.2); 12,345 records are not read yet; fewer train.epochs, or more"
        " --workers, would help"
    )


@given(st.sampled_from([(bound, part) for bound, parts in BOUNDS.items() for part in parts]))
def test_whatever_takes_most_is_named(place: tuple[str, str]) -> None:
    bound, part = place
    raised = {**PARTS, part: 50.0}
    inside = {"compile", "input", "step", "validation", "other"}
    training = {name: seconds for name, seconds in raised.items() if name in inside}
    outside = {name: s for name, s in raised.items() if name not in inside | {"prepare"}}
    outside["train"] = sum(training.values()) + raised["prepare"]
    report = {"seconds": outside, "training": {"seconds_by_part": training}}
    found = find_bottleneck(report, {})
    assert found is not None
    assert (found.bound, found.setting) == (bound, BOUNDS[bound][part])
    assert found.sentence.startswith(f"{bound}: ")
    assert found.setting in found.sentence


def test_a_round_without_measurements_has_no_verdict() -> None:
    assert find_bottleneck({"training": {}}, {}) is None


def test_parts_that_are_not_known_are_nobodys_bottleneck() -> None:
    assert find_bottleneck({"seconds": {"other_part": 3.0}, "training": {}}, {}) is None


def test_who_waited_for_records_is_not_told_that_many_wait() -> None:
    found = find_bottleneck({"seconds": {"wait": 9.0}, "training": {}}, {}, lag=5)
    assert found is not None
    assert found.bound == "trigger-idle"
    assert "not read yet" not in found.sentence


def test_every_part_has_advice_and_every_setting_exists() -> None:
    assert {part for parts in BOUNDS.values() for part in parts} == set(ADVICE)
    assert set(BOUNDS) == set(DOING)
    sections = {field.alias or name: field for name, field in Config.model_fields.items()}
    for setting in {name for parts in BOUNDS.values() for name in parts.values()}:
        section, key, *option = setting.split(".")
        assert key in sections[section].annotation.model_fields, setting
        assert not option or option[0] in kafka.KafkaConsumer.DEFAULT_CONFIG


def test_a_wait_is_divided_as_the_threads_spent_it() -> None:
    seconds = Seconds()
    seconds.until_now("wait")
    whole = seconds.read()["wait"]
    seconds.divide("wait", {"wait": 0.0, "broker": 3.0, "decode": 1.0})
    told = seconds.read()
    assert set(told) == {"wait", "broker", "decode"}
    assert told["broker"] == pytest.approx(0.75 * whole, abs=2e-4)
    seconds.divide("broker", {})
    assert seconds.read() == told
