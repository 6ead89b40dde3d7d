"""What a round of training spends its time on. No number of here decides anything."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import keras

PARTS = ("compile", "input", "step", "validation", "other")


class PartClock:
    """Adds up seconds by part; what no part claims is "other", so that the parts sum to the total.

    The parts: "compile" is tracing, and XLA's compilation; "input" is what steps waited for their
    batches; "step" is the rest of the steps; "validation" is the judging of the validation rows;
    "other" is all else, such as callbacks and snapshots of the weights.
    """

    def __init__(self) -> None:
        self._begun = time.perf_counter()
        self._seconds = dict.fromkeys(PARTS, 0.0)

    def add(self, part: str, seconds: float) -> None:
        """Count seconds that were measured elsewhere; no two parts may claim the same ones."""
        self._seconds[part] += max(seconds, 0.0)

    @contextmanager
    def part(self, name: str) -> Iterator[None]:
        """Count what happens within."""
        begun = time.perf_counter()
        try:
            yield
        finally:
            self.add(name, time.perf_counter() - begun)

    def read(self) -> dict[str, float]:
        """Return the seconds by part so far, in the order of PARTS."""
        total = time.perf_counter() - self._begun
        rest = total - sum(self._seconds.values())
        return {**self._seconds, "other": self._seconds["other"] + max(rest, 0.0)}


class ValidationTimer(keras.callbacks.Callback):  # type: ignore[misc]
    """Tells a clock how long validation takes; its very first call counts as "compile"."""

    def __init__(self, clock: PartClock, cold: bool) -> None:
        """`cold` says that the function that validates is not traced yet."""
        super().__init__()
        self._clock = clock
        self._cold = cold
        self._begun = self._batch_begun = 0.0
        self._compiled = 0.0

    def on_test_begin(self, *_: object, **__: object) -> None:
        """Start."""
        self._begun, self._compiled = time.perf_counter(), 0.0

    def on_test_batch_begin(self, *_: object, **__: object) -> None:
        """Start a group of batches."""
        self._batch_begun = time.perf_counter()

    def on_test_batch_end(self, *_: object, **__: object) -> None:
        """See how long the first group took."""
        if self._cold:
            self._cold = False
            self._compiled = time.perf_counter() - self._batch_begun

    def on_test_end(self, *_: object, **__: object) -> None:
        """Count it."""
        self._clock.add("compile", self._compiled)
        self._clock.add("validation", time.perf_counter() - self._begun - self._compiled)
