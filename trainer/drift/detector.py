"""What a drift detector is: it reads errors in the order of time, and says where they rose."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

import numpy as np


@dataclass(frozen=True)
class Finding:
    """A rise of the error.

    Attributes:
        row: Rows that the detector had read when it was found, counted from its first one.
        change: The row (counted the same way) from which on the error was higher, as estimated.
        before: The mean error up to there, since the detector began or found something last.
        after: The mean error from there on.
    """

    row: int
    change: int
    before: float
    after: float

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return asdict(self)


class DriftDetector(Protocol):
    """Finds where a sequence of errors rises.

    Guarantees: a function of its settings and the sequence alone, however the sequence is cut into
    updates; a detector that was given the state of another goes on as that one would, bit for bit;
    the state is plain JSON, and its size is bounded however long the sequence is; a constant error
    is no drift. `check_drift_detector` proves it.
    """

    def update(self, errors: np.ndarray) -> tuple[Finding, ...]:
        """Read on, and return the rises that were found meanwhile.

        Args:
            errors: float64 [n], finite, in the order of time. Not changed.

        Raises:
            DriftError: They are not of that form.
        """
        ...

    def get_state(self) -> dict[str, Any]:
        """Return what the detector needs to go on, as JSON types."""
        ...

    def set_state(self, state: Mapping[str, Any]) -> None:
        """Go on where the detector was that returned `state`.

        Raises:
            DriftError: It is foreign (of another format or other settings) or damaged; the
                detector is as it was.
        """
        ...
