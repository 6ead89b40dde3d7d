"""The conformance check for those who write their own drift detector: call it in a test."""

import json
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from trainer.drift.detector import DriftDetector, Finding
from trainer.errors import TrainerError

LOW, HIGH = 0.1, 0.9


def check_drift_detector(
    make: Callable[[], DriftDetector], rows: int = 4000, grows: bool = True
) -> None:
    """Prove what `DriftDetector` promises.

    Args:
        make: Makes a detector that has read nothing, the same every time.
        rows: So many rows must be enough for it to see the error go from 0.1 to 0.9.
        grows: Whether its bound of memory is tried too, on 32 times as many rows.

    Raises:
        AssertionError: It does not hold; the text says which promise.
    """
    draws = np.random.default_rng(5)
    rates = np.where(np.arange(2 * rows) < rows, LOW, HIGH)
    errors = (draws.random(2 * rows) < rates).astype(np.float64)
    found = _check_rise(make, errors, rows)
    _check_cuts(make, errors, found, draws)
    _check_state(make, errors, draws)
    _check_foreign(make)
    calm = make().update(np.full(2 * rows, LOW))
    _require(calm == (), "no finding in a constant error", calm)
    if grows:
        _check_bounded(make, rows, draws)


def _check_rise(
    make: Callable[[], DriftDetector], errors: np.ndarray, rows: int
) -> tuple[Finding, ...]:
    given = errors.copy()
    found = make().update(given)
    _require(np.array_equal(given, errors), "errors that are left as they are", "update")
    _require(bool(found), f"a rise from {LOW} to {HIGH} to be found", found)
    _require(found == make().update(errors), "the same findings twice", found)
    _require(found[-1].row > rows, "a finding after the rise", found)
    for each in found:
        _require(0 <= each.change < each.row <= len(errors), "rows that were read", each)
        _require(each.after > each.before, "a rise", each)
    return found


def _check_cuts(
    make: Callable[[], DriftDetector],
    errors: np.ndarray,
    found: tuple[Finding, ...],
    draws: np.random.Generator,
) -> None:
    for pieces in (2, 7, 300):
        places = np.sort(draws.integers(0, len(errors) + 1, pieces))
        cut = make()
        parts = [cut.update(part) for part in np.split(errors, places)]
        together = tuple(each for part in parts for each in part)
        _require(together == found, "the same findings in any cut", pieces)


def _check_state(
    make: Callable[[], DriftDetector], errors: np.ndarray, draws: np.random.Generator
) -> None:
    for place in (0, 1, 17, *draws.integers(0, len(errors), 4).tolist()):
        one, other = make(), make()
        one.update(errors[:place])
        other.set_state(_crossed(one.get_state()))
        _require(_text(one) == _text(other), "the state that was set", place)
        for part in np.array_split(errors[place:], 5):
            _require(one.update(part) == other.update(part), "to go on alike", place)
            _require(_text(one) == _text(other), "states that stay alike", place)


def _check_foreign(make: Callable[[], DriftDetector]) -> None:
    known = make().get_state()
    foreign: tuple[Mapping[str, Any], ...] = ({}, {**known, "format": -1}, {"format": 1})
    for state in foreign:
        detector = make()
        try:
            detector.set_state(state)
        except TrainerError:
            _require(_text(detector) == _text(make()), "to be left as it was", state)
        else:
            raise AssertionError(f"expected a refusal, for {state}")


def _check_bounded(
    make: Callable[[], DriftDetector], rows: int, draws: np.random.Generator
) -> None:
    detector, most = make(), []
    for _ in range(32):
        detector.update((draws.random(rows) < LOW).astype(np.float64))
        most.append(len(_text(detector)))
    early, late = max(most[:16]), max(most[16:])
    _require(late <= 1.25 * early, "a state that stays bounded", f"{early} then {late} characters")


def _crossed(state: Mapping[str, Any]) -> dict[str, Any]:
    plain: dict[str, Any] = json.loads(json.dumps(state, allow_nan=False))
    _require(plain == dict(state), "a state of plain JSON", "get_state")
    return plain


def _text(detector: DriftDetector) -> str:
    return json.dumps(detector.get_state(), sort_keys=True, allow_nan=False)


def _require(holds: bool, expected: str, case: object) -> None:
    if not holds:
        raise AssertionError(f"expected {expected}, for {case}")
