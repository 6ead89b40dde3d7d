"""Drift detectors: the promises of the protocol, river's own alarms, and where they find what."""

import json

import numpy as np
import pytest
import river.drift
from hypothesis import given, settings
from hypothesis import strategies as st

from trainer.drift.change import change_point
from trainer.drift.checks import check_drift_detector
from trainer.drift.error_detector import ErrorDetector
from trainer.drift.kinds import KINDS, Adwin, Kswin, PageHinkley, make_kind
from trainer.errors import DriftError, SettingsError

MAKERS = {
    "adwin": lambda: ErrorDetector(Adwin()),
    "adwin, by group": lambda: ErrorDetector(Adwin(clock=1), group=16),
    "page_hinkley": lambda: ErrorDetector(PageHinkley()),
    "kswin": lambda: ErrorDetector(Kswin(), seed=3),
}


def jump(rows: int, low: float, high: float, seed: int = 0) -> np.ndarray:
    """0/1 errors whose rate goes from `low` to `high` half way."""
    rates = np.where(np.arange(rows) < rows // 2, low, high)
    return (np.random.default_rng(seed).random(rows) < rates).astype(np.float64)


@pytest.mark.parametrize("name", [name for name in MAKERS if name != "kswin"])
def test_conforms(name: str) -> None:
    check_drift_detector(MAKERS[name], grows=name == "adwin")


def test_kswin_conforms() -> None:
    """On short windows, as it takes 0.2 ms for a value."""
    kind = Kswin(window_size=40, stat_size=15)
    check_drift_detector(lambda: ErrorDetector(kind, seed=3), rows=1200, grows=False)


def test_kswin_is_bounded() -> None:
    """What it keeps is soon full: 160 values of 4 rows each."""
    detector, sizes = ErrorDetector(Kswin(window_size=40, stat_size=15), group=4), []
    errors = jump(3200, 0.2, 0.2)
    for part in np.split(errors, 8):
        detector.update(part)
        sizes.append(len(detector.get_state()["values"]))
    assert 80 <= max(sizes) < 160


@pytest.mark.parametrize(
    ("kind", "theirs"),
    [
        (Adwin(), river.drift.ADWIN),
        (PageHinkley(), lambda: river.drift.PageHinkley(mode="both")),
        (Kswin(), lambda: river.drift.KSWIN(0.0005, 100, 30, seed=9)),
    ],
)
def test_alarms_are_rivers(kind, theirs) -> None:
    """Its alarm comes with the same value as from an object of river's that is never restored."""
    errors = jump(780, 0.1, 0.6, seed=4)
    (first, *_) = ErrorDetector(kind, group=2, seed=9).update(errors)
    detector, values = theirs(), iter(errors.reshape(-1, 2).mean(axis=1).tolist())
    read = 0
    while not detector.drift_detected:
        detector.update(next(values))
        read += 1
    assert first.row == 2 * read


@pytest.mark.parametrize("name", MAKERS)
def test_the_place_of_a_rise_is_found(name: str) -> None:
    (found,) = MAKERS[name]().update(jump(8000, 0.1, 0.5, seed=1))
    assert 3800 <= found.change <= 4200
    assert 4000 < found.row <= 4700
    assert found.before == pytest.approx(0.1, abs=0.04)
    assert found.after == pytest.approx(0.5, abs=0.15)


@pytest.mark.parametrize("name", MAKERS)
def test_an_error_that_falls_is_no_finding(name: str) -> None:
    assert MAKERS[name]().update(jump(8000, 0.5, 0.1, seed=2)) == ()


@settings(max_examples=25, deadline=None)
@given(cuts=st.lists(st.integers(0, 3000), max_size=6), place=st.integers(0, 3000))
def test_any_cut_and_any_restart_give_the_same(cuts: list[int], place: int) -> None:
    errors = np.random.default_rng(3).random(3000) * np.where(np.arange(3000) < 1500, 0.3, 1.0)
    whole = ErrorDetector(Adwin(clock=1), group=7)
    found = whole.update(errors)
    assert found
    parts, detector = [], ErrorDetector(Adwin(clock=1), group=7)
    for part in np.split(errors, sorted([*cuts, place])):
        parts += detector.update(part)
        again = ErrorDetector(Adwin(clock=1), group=7)
        again.set_state(json.loads(json.dumps(detector.get_state())))
        detector = again
    assert tuple(parts) == found
    assert detector.get_state() == whole.get_state()


def test_going_on_past_what_is_kept_is_exact() -> None:
    """A state of before the older half is dropped, and of after it, go on alike."""
    errors = np.random.default_rng(8).random(2 * 20_000)
    one = ErrorDetector(Adwin(), group=2)
    for part in np.array_split(errors, 12):
        other = ErrorDetector(Adwin(), group=2)
        other.set_state(json.loads(json.dumps(one.get_state())))
        assert one.update(part) == other.update(part)
        assert one.get_state() == other.get_state()
        assert len(one.get_state()["values"]) < 8192


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 2}, "expected format 1, got 2"),
        ({"settings": {"kind": "kswin"}}, "'group': 16"),
        ({"values": [0.1, float("nan")]}, "a whole state"),
        ({"values": [0.1] * 9}, "9 values of 32 rows"),
        ({"rest": [0.1] * 16}, "16 rows of a group"),
        ({"rows": 33}, "of 33 rows"),
        ({"rows": "many"}, "ValueError"),
    ],
)
def test_foreign_and_damaged_states_are_refused(change: dict, said: str) -> None:
    detector = ErrorDetector(Adwin(), group=16)
    detector.update(np.full(40, 0.5))
    state = detector.get_state()
    with pytest.raises(DriftError, match=said):
        ErrorDetector(Adwin(), group=16).set_state({**state, **change})


@pytest.mark.parametrize(
    "errors", [np.zeros(3, np.float32), np.zeros((3, 1)), np.array([0.1, np.inf])]
)
def test_other_errors_are_refused(errors: np.ndarray) -> None:
    with pytest.raises(DriftError, match="errors: expected"):
        ErrorDetector(Adwin()).update(errors)


def test_check_finds_a_detector_that_depends_on_the_cut() -> None:
    class ByUpdate(ErrorDetector):
        def update(self, errors: np.ndarray) -> tuple:
            found = super().update(errors)
            self._rest = np.empty(0)
            return found

    with pytest.raises(AssertionError, match="the same findings in any cut"):
        check_drift_detector(lambda: ByUpdate(Adwin(), group=16))


@pytest.mark.parametrize(
    ("name", "parameters", "said"),
    [
        ("adwin", {"delta": 0.0}, "delta: expected more than 0"),
        ("adwin", {"clock": 1.5}, "clock: expected a whole number"),
        ("adwin", {"threshold": 3}, "some of delta, clock"),
        ("page_hinkley", {"threshold": True}, "a number"),
        ("kswin", {"stat_size": 60}, "from 1 to 50"),
    ],
)
def test_parameters_are_checked(name: str, parameters: dict, said: str) -> None:
    with pytest.raises(SettingsError, match=said):
        make_kind(name, parameters)


def test_every_kind_can_be_made_by_name() -> None:
    assert make_kind("page_hinkley", {"threshold": 2}) == PageHinkley(threshold=2)
    assert {type(make_kind(name, {})) for name in KINDS} == set(KINDS.values())


def test_the_change_point_of_a_step() -> None:
    assert change_point(np.array([0.0, 0.0, 0.0, 1.0, 1.0])) == 3
    assert change_point(np.array([2.0, 1.0])) == 1
