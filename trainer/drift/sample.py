"""What tests of features look at: the features of some rows, as numbers and as codes."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from trainer.errors import DriftError


@dataclass(frozen=True, eq=False)
class FeatureSample:
    """The features of n rows.

    Attributes:
        numbers: float64 [n] by name, finite.
        codes: int64 [n] by name, of categories.

    Raises:
        DriftError: A column is of another form, or has another number of rows.
    """

    numbers: Mapping[str, np.ndarray]
    codes: Mapping[str, np.ndarray]

    def __post_init__(self) -> None:
        """Check the forms."""
        for columns, dtype in ((self.numbers, np.float64), (self.codes, np.int64)):
            for name, column in columns.items():
                if column.dtype != dtype or column.shape != (len(self),):
                    raise DriftError(
                        f"feature {name}",
                        expected=f"{np.dtype(dtype)}[{len(self)}]",
                        got=f"{column.dtype}{list(column.shape)}",
                        mend="convert it",
                    )

    def __len__(self) -> int:
        """Return the number of rows."""
        first = next(iter({**self.numbers, **self.codes}.values()), None)
        return 0 if first is None else len(first)


def check_alike(reference: FeatureSample, window: FeatureSample) -> None:
    """Check that two samples have the same features.

    Raises:
        DriftError: They have not.
    """
    for one, other in (
        (reference.numbers, window.numbers),
        (reference.codes, window.codes),
    ):
        if one.keys() != other.keys():
            different = sorted(one.keys() ^ other.keys())
            raise DriftError(
                "features of two samples",
                expected="the same",
                got=f"{', '.join(different)} in one of them",
                mend="take both by one schema",
            )
