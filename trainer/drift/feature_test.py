"""What a test of features is: it says whether rows are from another distribution than others."""

from dataclasses import asdict, dataclass
from typing import Any, Protocol

from trainer.drift.sample import FeatureSample


@dataclass(frozen=True)
class FeatureShift:
    """How far apart one feature is in two samples.

    Attributes:
        name: Of the feature; "*" for all of them together.
        distance: From 0 (alike) to 1: the test says of what.
        p_value: Adjusted for the number of features that were tested.
        shifted: Whether it is another distribution, by what the test was told to take for one.
    """

    name: str
    distance: float
    p_value: float
    shifted: bool

    def to_json(self) -> dict[str, Any]:
        """Return it as JSON types."""
        return asdict(self)


class FeatureTest(Protocol):
    """Compares the features of a window's rows with those of a reference.

    Guarantees: a pure function of its settings and the two samples; if both are drawn from one
    distribution, independently row by row, some feature is `shifted` with a chance of at most
    about `alpha`.
    """

    @property
    def alpha(self) -> float:
        """Return the chance of a false alarm."""
        ...

    @property
    def rows(self) -> int:
        """Return how many rows of each sample are enough; more are not needed."""
        ...

    def compare(self, reference: FeatureSample, window: FeatureSample) -> tuple[FeatureShift, ...]:
        """Return what was found, in the order of names.

        Args:
            reference: [m] rows.
            window: [n] rows, with the same features.

        Raises:
            DriftError: They have other features.
        """
        ...
