"""The kinds of detectors: settings, each of which makes one of river's."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from trainer.drift.parameters import make_settings
from trainer.errors import SettingsError

KEPT = 8192


class RiverDetector(Protocol):
    """What is asked of a detector of river's."""

    @property
    def drift_detected(self) -> bool:
        """Whether the last value made it fire."""
        ...

    def update(self, x: float) -> object:
        """Read one value."""
        ...


class Kind(Protocol):
    """Settings of a detector."""

    @property
    def kept(self) -> int:
        """Return how many values it is held to at most."""
        ...

    @property
    def group(self) -> int:
        """Return how many rows a value is usually the mean of."""
        ...

    def make(self, seed: int) -> RiverDetector:
        """Return a detector that has read nothing."""
        ...


@dataclass(frozen=True)
class Adwin:
    """ADWIN [Bifet and Gavalda 2007]: a window that shrinks as soon as two parts of it differ.

    Attributes:
        delta: The chance of a false alarm that it works with, in (0, 1).
        clock: It looks after so many values.
        max_buckets: Of each size.
        min_window_length: The shortest part that is compared.
        grace_period: Values before the first look.
    """

    delta: float = 0.002
    clock: int = 32
    max_buckets: int = 5
    min_window_length: int = 5
    grace_period: int = 10

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            SettingsError: One is out of its range.
        """
        _check("delta", 0.0 < self.delta < 1.0, "more than 0 and less than 1", self.delta)
        for name in ("clock", "max_buckets", "min_window_length", "grace_period"):
            value = getattr(self, name)
            _check(name, value >= 1, "at least 1", value)

    @property
    def kept(self) -> int:
        """Return how many values it is held to at most."""
        return KEPT

    @property
    def group(self) -> int:
        """Return how many rows a value is usually the mean of."""
        return 1

    def make(self, seed: int) -> RiverDetector:  # noqa: ARG002 - it draws nothing
        """Return a detector that has read nothing."""
        from river.drift import ADWIN

        made: RiverDetector = ADWIN(**asdict(self))  # type: ignore[no-untyped-call]
        return made


@dataclass(frozen=True)
class PageHinkley:
    """Page-Hinkley [Page 1954]: a cumulative sum of what exceeds the mean by more than `delta`.

    It fires for a fall as well, and so begins anew while a learner improves.

    Attributes:
        delta: The rise that is tolerated (at least 0).
        threshold: The sum at which it fires (more than 0).
        min_instances: Values before it may fire.
        alpha: What the sum keeps of itself from one value to the next, in (0, 1].
    """

    delta: float = 0.005
    threshold: float = 50.0
    min_instances: int = 30
    alpha: float = 0.9999

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            SettingsError: One is out of its range.
        """
        _check("delta", self.delta >= 0.0, "at least 0", self.delta)
        _check("threshold", self.threshold > 0.0, "more than 0", self.threshold)
        _check("min_instances", self.min_instances >= 1, "at least 1", self.min_instances)
        _check("alpha", 0.0 < self.alpha <= 1.0, "more than 0 and at most 1", self.alpha)

    @property
    def kept(self) -> int:
        """Return how many values it is held to at most."""
        return max(KEPT, 2 * self.min_instances)

    @property
    def group(self) -> int:
        """Return how many rows a value is usually the mean of."""
        return 1

    def make(self, seed: int) -> RiverDetector:  # noqa: ARG002 - it draws nothing
        """Return a detector that has read nothing."""
        from river.drift import PageHinkley as River

        return River(**asdict(self), mode="both")


@dataclass(frozen=True)
class Kswin:
    """KSWIN [Raab et al. 2020]: the newest values against as many drawn from those before.

    Attributes:
        alpha: The p-value of the Kolmogorov-Smirnov test at which it fires, in (0, 1). It tests
            after every value.
        window_size: Values that it looks at.
        stat_size: The newest of them that are compared, at most half.
    """

    alpha: float = 0.0005
    window_size: int = 100
    stat_size: int = 30

    def __post_init__(self) -> None:
        """Check the ranges.

        Raises:
            SettingsError: One is out of its range.
        """
        _check("alpha", 0.0 < self.alpha < 1.0, "more than 0 and less than 1", self.alpha)
        half = 1 <= self.stat_size <= self.window_size // 2
        _check("stat_size", half, f"from 1 to {self.window_size // 2}", self.stat_size)

    @property
    def kept(self) -> int:
        """Return how many values it is held to at most."""
        return 4 * self.window_size

    @property
    def group(self) -> int:
        """Return how many rows a value is usually the mean of: it takes 0.2 ms for one."""
        return 16

    def make(self, seed: int) -> RiverDetector:
        """Return a detector that has read nothing."""
        from river.drift import KSWIN

        return KSWIN(**asdict(self), seed=seed)


KINDS: Mapping[str, type[Adwin] | type[PageHinkley] | type[Kswin]] = {
    "adwin": Adwin,
    "page_hinkley": PageHinkley,
    "kswin": Kswin,
}


def make_kind(name: str, parameters: Mapping[str, Any]) -> Kind:
    """Return the settings of the kind `name` (a key of KINDS) with some parameters.

    Raises:
        SettingsError: There is no such parameter, or it is out of its range or of another type.
    """
    return make_settings("drift.detector", KINDS[name], parameters)


def _check(name: str, fine: bool, expected: str, got: object) -> None:
    if not fine:
        place = f"drift.detector.{name}"
        raise SettingsError(place, expected=expected, got=repr(got), mend="change it")
