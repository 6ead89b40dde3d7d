"""The features of some holdout rows, chosen by who they are: what tests of features compare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest import Rows, Schema, hash64

if TYPE_CHECKING:
    from numpy.typing import NDArray

    import trainer.drift

__all__ = ["HoldoutSample"]

NUMBERS = ("float32", "float64", "int32", "int64")
CODES = ("bool", "category")


@dataclass(frozen=True, eq=False)
class HoldoutSample:
    """The rows of the smallest keys: a uniform sample of all rows that were ever offered.

    A key is a hash of the record's identity, so the sample is the same however its rows were cut
    into parts, by rounds or by workers.

    Attributes:
        keys: uint64[n], rising.
        numbers: float64[n] by feature; of a list its mean.
        codes: int64[n] by feature: of categories and bools.
    """

    keys: NDArray[np.uint64]
    numbers: Mapping[str, NDArray[np.float64]]
    codes: Mapping[str, NDArray[np.int64]]

    def __len__(self) -> int:
        return len(self.keys)

    @classmethod
    def of(cls, rows: Rows, schema: Schema, seed: int) -> HoldoutSample:
        """All rows. Left out are timestamps, which always move on, lists of codes, and texts.

        Args:
            rows: with codes for words.
            schema: of the rows.
            seed: of the choice.
        """
        keys = hash64(seed, "drift", rows.topics, rows.topic, rows.partition, rows.offset)
        plain = {
            field.name: (field.dtype, column)
            for field in schema.features
            if isinstance(column := rows.columns[field.name], np.ndarray)
        }
        numbers = {
            name: _means(column) for name, (dtype, column) in plain.items() if dtype in NUMBERS
        }
        codes = {
            name: column.astype(np.int64)
            for name, (dtype, column) in plain.items()
            if dtype in CODES and column.ndim == 1
        }
        return cls(keys, numbers, codes).first(len(keys))

    @classmethod
    def merge(cls, parts: Sequence[HoldoutSample], most: int) -> HoldoutSample:
        """The sample of all parts' rows, of at most `most` rows; there is at least one part."""
        one = parts[0]
        whole = cls(
            np.concatenate([part.keys for part in parts]),
            {name: np.concatenate([part.numbers[name] for part in parts]) for name in one.numbers},
            {name: np.concatenate([part.codes[name] for part in parts]) for name in one.codes},
        )
        return whole.first(most)

    def first(self, most: int) -> HoldoutSample:
        """The rows of the smallest keys."""
        chosen = np.argsort(self.keys, kind="stable")[:most]
        return HoldoutSample(
            self.keys[chosen],
            {name: column[chosen] for name, column in self.numbers.items()},
            {name: column[chosen] for name, column in self.codes.items()},
        )

    def has_features_of(self, other: HoldoutSample) -> bool:
        """Whether both have the same columns."""
        mine, theirs = (self.numbers, self.codes), (other.numbers, other.codes)
        return [part.keys() for part in mine] == [part.keys() for part in theirs]

    def features(self, most: int) -> trainer.drift.FeatureSample:
        """The first rows, as a test takes them."""
        from trainer.drift import FeatureSample

        few = self.first(most)
        return FeatureSample(few.numbers, few.codes)

    def to_arrays(self) -> dict[str, NDArray[Any]]:
        """The columns by plain names, to be read by `from_arrays`."""
        return {
            "keys": self.keys,
            **{f"number {name}": column for name, column in self.numbers.items()},
            **{f"code {name}": column for name, column in self.codes.items()},
        }

    @classmethod
    def from_arrays(cls, arrays: Mapping[str, NDArray[Any]]) -> HoldoutSample:
        """The inverse of `to_arrays`.

        Raises:
            KeyError, ValueError: they are not of that form.
        """
        keys = arrays["keys"]
        found = cls(
            keys,
            {n.removeprefix("number "): a for n, a in arrays.items() if n.startswith("number ")},
            {n.removeprefix("code "): a for n, a in arrays.items() if n.startswith("code ")},
        )
        if keys.dtype != np.uint64 or any(array.shape != keys.shape for array in arrays.values()):
            raise ValueError("expected columns of one length, with keys")
        for columns, dtype in ((found.numbers, np.float64), (found.codes, np.int64)):
            if any(column.dtype != dtype for column in columns.values()):
                raise ValueError(f"expected columns of {np.dtype(dtype)}")
        return found


def _means(column: NDArray[Any]) -> NDArray[np.float64]:
    """A number of each row."""
    plain = column.astype(np.float64)
    return plain if plain.ndim == 1 else plain.reshape(len(plain), -1).mean(axis=1)
