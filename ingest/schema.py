"""Which fields of a record are learned from, what is learned, and what weighs a row."""

from __future__ import annotations

import hashlib
import json
import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ingest.errors import SchemaError

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DType", "Field", "Role", "Schema"]

DType = Literal["float32", "int32", "int64", "bool", "category"]
Role = Literal["feature", "label", "weight"]


@dataclass(frozen=True)
class Field:
    """One field of a record and the column that it becomes.

    A category is a string in the record and an int32 in the column. With a `vocabulary`, a feature
    is the string's place counted from 1, and 0 for an unknown string; a label is its place counted
    from 0, and an unknown string makes the record bad. With `buckets`, a feature is
    `1 + crc32(utf-8) % buckets`, and 0 for the empty string.

    Attributes:
        name: of the field in the record and of the column.
        dtype: of the column; `category` columns are int32.
        role: what the column is for.
        vocabulary: known strings of a category.
        buckets: number of hash buckets of a category.
        minimum: the smallest number that is good; None for no bound of its own.
        maximum: the largest.

    Raises:
        SchemaError: the attributes do not fit together.
    """

    name: str
    dtype: DType
    role: Role = "feature"
    vocabulary: tuple[str, ...] = ()
    buckets: int = 0
    minimum: float | None = None
    maximum: float | None = None

    def __post_init__(self) -> None:
        place = f'field "{self.name}"'
        if not self.name:
            raise SchemaError("a field has an empty name")
        for value, known in ((self.dtype, get_args(DType)), (self.role, get_args(Role))):
            if value not in known:
                raise SchemaError(f"{place}: expected one of {', '.join(known)}, got {value!r}")
        is_category = self.dtype == "category"
        if not is_category and (self.vocabulary or self.buckets):
            raise SchemaError(f"{place}: only a category has a vocabulary or buckets")
        if is_category and bool(self.vocabulary) == bool(self.buckets):
            raise SchemaError(f"{place}: a category needs either a vocabulary or buckets")
        if len(set(self.vocabulary)) != len(self.vocabulary):
            raise SchemaError(f"{place}: a word is in its vocabulary twice")
        if not 0 <= self.buckets < 2**31 - 1:
            raise SchemaError(f"{place}: expected buckets from 1 to 2**31 - 2, got {self.buckets}")
        if self.role == "label" and self.buckets:
            raise SchemaError(f"{place}: a label that is a category needs a vocabulary")
        if self.role == "weight" and self.dtype != "float32":
            raise SchemaError(f"{place}: a weight is float32, got {self.dtype}")
        self._check_bounds()

    def _check_bounds(self) -> None:
        place = f'field "{self.name}"'
        for name in ("minimum", "maximum"):
            object.__setattr__(self, name, self._bound(name))
        low, high = self.minimum, self.maximum
        if low is not None and high is not None and low > high:
            raise SchemaError(f"{place}: its minimum {low:g} is above its maximum {high:g}")

    def _bound(self, name: str) -> float | None:
        value = getattr(self, name)
        if value is None:
            return None
        place = f'field "{self.name}"'
        if self.dtype in ("bool", "category"):
            raise SchemaError(f"{place}: only a number has a {name}, not a {self.dtype}")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise SchemaError(f"{place}: expected a number as its {name}, got {value!r}")
        if not abs(value) < 2.0**1023:
            raise SchemaError(f"{place}: expected a finite {name}, got {value}")
        return float(value)

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The dtype of the column."""
        return np.dtype(np.int32 if self.dtype == "category" else self.dtype)

    @property
    def bounds(self) -> tuple[float | None, float | None]:
        """The smallest and the largest good value; whole numbers for integers."""
        low, high = self.minimum, self.maximum
        if self.dtype not in ("int32", "int64"):
            return low, high
        return (
            None if low is None else math.ceil(low),
            None if high is None else math.floor(high),
        )

    @property
    def cardinality(self) -> int | None:
        """How many codes a category has; None for other fields."""
        if self.dtype != "category":
            return None
        if self.role == "label":
            return len(self.vocabulary)
        return 1 + (self.buckets or len(self.vocabulary))

    def codes(self, strings: Iterable[str]) -> NDArray[np.int32]:
        """The codes of some strings; -1 for an unknown label."""
        if self.buckets:
            found = [1 + zlib.crc32(s.encode()) % self.buckets if s else 0 for s in strings]
        else:
            unknown = -1 if self.role == "label" else 0
            found = [self._places.get(s, unknown) for s in strings]
        return np.array(found, np.int32)

    @cached_property
    def _places(self) -> dict[str, int]:
        first = 0 if self.role == "label" else 1
        return {word: place for place, word in enumerate(self.vocabulary, first)}

    def to_json(self) -> dict[str, Any]:
        """A plain form; without the bounds that there are not."""
        bounds = {"minimum": self.minimum, "maximum": self.maximum}
        return {
            **{name: bound for name, bound in bounds.items() if bound is not None},
            "name": self.name,
            "dtype": self.dtype,
            "role": self.role,
            "vocabulary": list(self.vocabulary),
            "buckets": self.buckets,
        }


@dataclass(frozen=True)
class Schema:
    """The fields of a record: features, exactly one label, at most one weight.

    Fields of a record that the schema does not name are ignored.

    Raises:
        SchemaError: the fields do not fit together.
    """

    fields: tuple[Field, ...]

    def __post_init__(self) -> None:
        names = [field.name for field in self.fields]
        for name in names:
            if names.count(name) > 1:
                raise SchemaError(f'schema: field "{name}" is there twice')
        counts = {role: sum(f.role == role for f in self.fields) for role in get_args(Role)}
        if counts["label"] != 1:
            raise SchemaError(f"schema: expected exactly one label, got {counts['label']}")
        if counts["weight"] > 1:
            raise SchemaError(f"schema: expected at most one weight, got {counts['weight']}")
        if not counts["feature"]:
            raise SchemaError("schema: expected at least one feature, got none")

    @property
    def features(self) -> tuple[Field, ...]:
        """What a model may look at."""
        return tuple(field for field in self.fields if field.role == "feature")

    @property
    def label(self) -> Field:
        """What a model learns to predict."""
        return next(field for field in self.fields if field.role == "label")

    @property
    def weight(self) -> Field | None:
        """What weighs a row; None when all weigh the same."""
        return next((field for field in self.fields if field.role == "weight"), None)

    def to_json(self) -> dict[str, Any]:
        """A plain form: `{"fields": [...]}`."""
        return {"fields": [field.to_json() for field in self.fields]}

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> Schema:
        """The inverse of `to_json`; keys beside `fields` are ignored.

        Raises:
            SchemaError: it is not of that form.
        """
        try:
            fields = [{**f, "vocabulary": tuple(f["vocabulary"])} for f in value["fields"]]
            return cls(tuple(Field(**field) for field in fields))
        except (KeyError, TypeError) as error:
            raise SchemaError(f"schema: expected fields, got {str(value)[:200]}") from error

    def fingerprint(self) -> str:
        """SHA-256 of the canonical plain form, in hex; equal for equal schemas."""
        text = json.dumps(self.to_json(), sort_keys=True, separators=(",", ":"))
        return hashlib.sha256(text.encode()).hexdigest()
