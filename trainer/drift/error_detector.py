"""River's detectors as `DriftDetector`s: on rows or groups of them, with a state of plain numbers.

River's objects keep their state in compiled structures and random generators, with pickle as the
only way out. So what is kept here is what they have read since they began: a detector is restored
by reading it again. They begin anew after each alarm, as river's do by themselves, and what was
read since is bounded: past `Kind.kept` values a detector begins anew with the newer half of them.
"""

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

import numpy as np

from trainer.drift.change import change_point
from trainer.drift.detector import Finding
from trainer.drift.kinds import KINDS, Kind
from trainer.errors import DriftError, SettingsError

FORMAT = 1
START = "remove the state; the detector then begins anew"


class ErrorDetector:
    """A `DriftDetector` that reads rows, or the means of groups of them, which costs less.

    Rows that do not fill a group wait for the next ones. An alarm because the error fell, or only
    changed its shape, is no finding: the detector begins anew.

    Args:
        kind: The settings of one of river's detectors.
        group: Rows of a group (at least 1); None for as many as the kind usually has.
        seed: For detectors that draw; the sequence of draws begins anew with the detector.
    """

    def __init__(self, kind: Kind, group: int | None = None, seed: int = 0) -> None:
        """Begin, having read nothing.

        Raises:
            SettingsError: `group` is less than 1.
        """
        group = kind.group if group is None else group
        if group < 1:
            raise SettingsError(
                "drift.group_rows", expected="at least 1", got=repr(group), mend="change it"
            )
        self._kind, self._group, self._seed = kind, group, seed
        self._rows = 0
        self._rest = np.empty(0)
        self._begin([])

    def update(self, errors: np.ndarray) -> tuple[Finding, ...]:
        """Read on, and return the rises that were found meanwhile.

        Raises:
            DriftError: The errors are not float64 [n], or one is not finite.
        """
        _check_errors(errors)
        waiting = np.concatenate([self._rest, errors])
        whole = len(waiting) - len(waiting) % self._group
        self._rest = waiting[whole:]
        found = []
        for mean in _means(waiting[:whole].reshape(-1, self._group)):
            self._rows += self._group
            finding = self._read(mean)
            if finding is not None:
                found.append(finding)
        return tuple(found)

    def get_state(self) -> dict[str, Any]:
        """Return what was read since the detector began, as JSON types."""
        return {
            "format": FORMAT,
            "settings": self._settings(),
            "rows": self._rows,
            "rest": self._rest.tolist(),
            "values": list(self._values),
        }

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Read again what the other detector had read.

        Raises:
            DriftError: The state is foreign or damaged.
        """
        if state.get("format") != FORMAT:
            expected, got = f"format {FORMAT}", f"{state.get('format')!r}"
            raise DriftError("state of a detector", expected=expected, got=got, mend=START)
        if state.get("settings") != self._settings():
            expected, got = f"settings {self._settings()}", f"{state.get('settings')} saved"
            raise DriftError("state of a detector", expected=expected, got=got, mend=START)
        rows, rest, values = self._checked(state)
        self._rows, self._rest = rows, rest
        self._begin(values)

    def _checked(self, state: Mapping[str, Any]) -> tuple[int, np.ndarray, list[float]]:
        try:
            rows = int(state["rows"])
            rest, values = np.array(state["rest"], np.float64), np.array(state["values"], float)
            _check_errors(rest)
            _check_errors(values)
        except (KeyError, TypeError, ValueError, DriftError) as error:
            raise _damaged(f"{type(error).__name__}: {error}") from error
        if not (len(rest) < self._group and len(values) < self._kind.kept):
            raise _damaged(f"{len(rest)} rows of a group and {len(values)} values")
        if rows % self._group or rows < len(values) * self._group:
            raise _damaged(f"{len(values)} values of {rows} rows")
        return rows, rest, values.tolist()

    def _settings(self) -> dict[str, Any]:
        name = next(name for name, kind in KINDS.items() if isinstance(self._kind, kind))
        plain: dict[str, Any] = asdict(self._kind)  # type: ignore[call-overload]
        return {"kind": name, **plain, "group": self._group, "seed": self._seed}

    def _begin(self, values: list[float]) -> None:
        """Take a new detector of river's, which reads `values`; what it says of them is known."""
        self._river = self._kind.make(self._seed)
        self._values = values
        for value in values:
            self._river.update(value)

    def _read(self, value: float) -> Finding | None:
        self._values.append(value)
        self._river.update(value)
        if not self._river.drift_detected:
            if len(self._values) >= self._kind.kept:
                self._begin(self._values[self._kind.kept // 2 :])
            return None
        values = np.array(self._values)
        self._begin([])
        return self._rise(values) if len(values) > 1 else None

    def _rise(self, values: np.ndarray) -> Finding | None:
        place = change_point(values)
        before, after = float(values[:place].mean()), float(values[place:].mean())
        if after <= before:
            return None
        change = self._rows - self._group * (len(values) - place)
        return Finding(self._rows, change, before, after)


def _means(groups: np.ndarray) -> list[float]:
    """Return the mean of each row of [n, group], summed in the order of time."""
    total = np.zeros(len(groups))
    for column in groups.T:
        total += column
    means: list[float] = (total / groups.shape[1]).tolist()
    return means


def _check_errors(errors: np.ndarray) -> None:
    if errors.ndim != 1 or errors.dtype != np.float64:
        got = f"{errors.dtype}{list(errors.shape)}"
        raise DriftError("errors", expected="float64[n]", got=got, mend="convert them")
    if not np.isfinite(errors).all():
        raise DriftError(
            "errors", expected="finite errors", got="one that is not", mend="leave it out"
        )


def _damaged(got: str) -> DriftError:
    return DriftError(
        "state of a detector", expected="a whole state", got=got, mend="go back to another round"
    )
