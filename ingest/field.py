"""One field of a record and the column that it becomes."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from ingest.errors import SchemaError
from ingest.ragged import Column, Ragged

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["DType", "Default", "Field", "Role"]

DType = Literal[
    "float32", "float64", "int32", "int64", "bool", "category", "timestamp", "string", "bytes"
]
Role = Literal["feature", "label", "weight"]
Default = bool | int | float | str | None

NUMBERS = ("float32", "float64", "int32", "int64")
INTEGERS = ("int32", "int64")
LISTABLE = (*NUMBERS, "bool", "category")
TEXTS = ("string", "bytes")
STORED = {"category": "int32", "timestamp": "int64", "string": "uint8", "bytes": "uint8"}
LONGEST = 2**24
FLOAT32_OVERFLOW = 2.0**128 - 2.0**103
"""The smallest number that a float32 rounds to infinity."""
INTEGER_LIMIT = {"int32": 2**31, "int64": 2**63, "timestamp": 2**63}
"""An integer is good from minus this up to below it."""


@dataclass(frozen=True)
class Field:
    """One field of a record and the column that it becomes.

    A category is a string in the record and an int32 in the column. With a `vocabulary`, a feature
    is the string's place counted from 1, and 0 for an unknown string; a label is its place counted
    from 0, and an unknown string makes the record bad. With `buckets`, a feature is
    `1 + crc32(utf-8) % buckets`, and 0 for the empty string. With `grow`, the vocabulary may grow
    to that many words: the column then has the words themselves, as a string's, until
    `ingest.vocabulary` gives them their codes.

    A timestamp is a moment in the record, as the format writes moments, and an int64 of
    milliseconds since the epoch (UTC) in the column. A string or bytes become a `Ragged` of uint8.

    A list has a `length`: a number, for a column [n, length], or "ragged", for a `Ragged`.

    With a `default`, a record in which the field is missing or null is good, and has the default
    in its place (a list: the default at each place if its length is fixed, else no element; bytes:
    a text, in UTF-8; a timestamp: milliseconds); without one it is bad.

    Attributes:
        name: of the field in the record and of the column.
        dtype: of the column; see above.
        role: what the column is for.
        vocabulary: known strings of a category.
        buckets: number of hash buckets of a category.
        minimum: the smallest number that is good; None for no bound of its own.
        maximum: the largest.
        length: of a list; None for a single value.
        default: what stands for a value that is missing or null; for a category its string.
        grow: most words that the vocabulary of a category may have; 0 for a fixed one.

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
    length: int | Literal["ragged"] | None = None
    default: Default = None
    grow: int = 0

    def __post_init__(self) -> None:
        if not self.name:
            raise SchemaError("a field has an empty name")
        self._check_texts()
        for value, known in ((self.dtype, get_args(DType)), (self.role, get_args(Role))):
            if value not in known:
                raise self._error(f"expected one of {', '.join(known)}, got {value!r}")
        self._check_category()
        self._check_role()
        self._check_length()
        for name in ("minimum", "maximum"):
            object.__setattr__(self, name, self._bound(name))
        low, high = self.minimum, self.maximum
        if low is not None and high is not None and low > high:
            raise self._error(f"its minimum {low:.17g} is above its maximum {high:.17g}")
        self._check_default()

    def _error(self, text: str) -> SchemaError:
        return SchemaError(f'field "{self.name}": {text}')

    def _check_texts(self) -> None:
        default = self.default if isinstance(self.default, str) else ""
        try:
            "".join((self.name, *self.vocabulary, default)).encode()
        except UnicodeEncodeError as error:
            raise SchemaError(
                f"field {self.name!a}: a lone surrogate is in its name, a word of its"
                " vocabulary or its default; that is no text"
            ) from error

    def _check_category(self) -> None:
        words = self.vocabulary or self.buckets or self.grow
        if self.dtype != "category":
            if words:
                raise self._error("only a category has a vocabulary or buckets")
            return
        if (self.buckets and (self.vocabulary or self.grow)) or not words:
            raise self._error("a category needs either a vocabulary or buckets")
        if len(set(self.vocabulary)) != len(self.vocabulary):
            raise self._error("a word is in its vocabulary twice")
        if not 0 <= self.buckets < 2**31 - 1:
            raise self._error(f"expected buckets from 1 to 2**31 - 2, got {self.buckets}")
        if self.grow and not len(self.vocabulary) <= self.grow < 2**31 - 1:
            raise self._error(f"expected room to grow for its vocabulary, got {self.grow}")

    def _check_role(self) -> None:
        if self.role == "label":
            if self.buckets or self.grow:
                raise self._error("a label that is a category needs a vocabulary that is fixed")
            if self.length is not None or self.dtype in TEXTS:
                raise self._error("a label is one number, boolean or category")
        if self.role == "weight" and (self.dtype != "float32" or self.length is not None):
            raise self._error(f"a weight is float32, one a record, got {self.dtype}")

    def _check_length(self) -> None:
        if self.length is None:
            return
        if self.dtype not in LISTABLE or self.grow:
            raise self._error(f"there are lists of {', '.join(LISTABLE)}, not of this")
        whole = isinstance(self.length, int) and not isinstance(self.length, bool)
        if self.length != "ragged" and not (whole and 0 < int(self.length) <= LONGEST):
            raise self._error(f'expected a length from 1 or "ragged", got {self.length!r}')

    def _bound(self, name: str) -> float | None:
        value = getattr(self, name)
        if value is None:
            return None
        if self.dtype not in NUMBERS:
            raise self._error(f"only a number has a {name}, not a {self.dtype}")
        if isinstance(value, bool) or not isinstance(value, (int, float)):
            raise self._error(f"expected a number as its {name}, got {value!r}")
        if not abs(value) < 2.0**1023:
            raise self._error(f"expected a finite {name}, got {value}")
        return value if self.dtype in INTEGERS and value != float(value) else float(value)

    def _check_default(self) -> None:
        value = self.default
        if value is None:
            return
        if self.role != "feature":
            raise self._error(f"a {self.role} has no default")
        if self.length == "ragged":
            if value != "":
                raise self._error('the default of a ragged list is "": no elements')
            return
        kinds: dict[str, tuple[type, ...]] = {"bool": (bool,), "category": (str,)}
        kinds |= {"float32": (int, float), "float64": (int, float), "string": (str,)}
        fitting = kinds.get(self.dtype, (str,) if self.dtype == "bytes" else (int,))
        if not isinstance(value, fitting) or (isinstance(value, bool) and self.dtype != "bool"):
            raise self._error(f"the default {value!r} is no {self.dtype}")
        if isinstance(value, (int, float)) and self.dtype != "bool":
            self._check_default_number(value)

    def _check_default_number(self, value: float) -> None:
        low, high = self.bounds
        limit = INTEGER_LIMIT.get(self.dtype)
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if limit is not None:
            fits = -limit <= value < limit
        else:
            fits = abs(number) < (FLOAT32_OVERFLOW if self.dtype == "float32" else math.inf)
        outside = (low is not None and value < low) or (high is not None and value > high)
        if outside or not fits:
            raise self._error(f"its default {number:g} is out of its range")

    @property
    def is_text(self) -> bool:
        """Whether the column is a `Ragged` of uint8: strings, bytes, words without codes yet."""
        return self.dtype in TEXTS or self.grow > 0

    @property
    def is_ragged(self) -> bool:
        """Whether the column is a `Ragged`."""
        return self.is_text or self.length == "ragged"

    @property
    def shape(self) -> tuple[int, ...]:
        """Of one row of a column that is not ragged: () or (length,)."""
        return (self.length,) if isinstance(self.length, int) else ()

    @property
    def numpy_dtype(self) -> np.dtype[Any]:
        """The dtype of the column's values."""
        return np.dtype(np.uint8 if self.is_text else STORED.get(self.dtype, self.dtype))

    def empty_column(self) -> Column:
        """A column without rows."""
        if self.is_ragged:
            return Ragged(np.empty(0, self.numpy_dtype), np.zeros(1, np.int64))
        return np.empty((0, *self.shape), self.numpy_dtype)

    @cached_property
    def bounds(self) -> tuple[float | None, float | None]:
        """The smallest and the largest good value; whole numbers for integers."""
        low, high = self.minimum, self.maximum
        if self.dtype not in INTEGERS:
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
        return 1 + (self.buckets or self.grow or len(self.vocabulary))

    def code(self, word: str) -> int:
        """The code of a string by the fixed vocabulary or buckets; -1 for an unknown label."""
        if self.buckets:
            return 1 + zlib.crc32(word.encode()) % self.buckets if word else 0
        return self._places.get(word, -1 if self.role == "label" else 0)

    def codes(self, strings: Iterable[str]) -> NDArray[np.int32]:
        """The codes of some strings, as `code` has them."""
        return np.array([self.code(string) for string in strings], np.int32)

    @cached_property
    def _places(self) -> dict[str, int]:
        first = 0 if self.role == "label" else 1
        return {word: place for place, word in enumerate(self.vocabulary, first)}

    def to_json(self) -> dict[str, Any]:
        """A plain form; without what is not set beyond name, type, role, vocabulary and buckets."""
        extra = {
            "minimum": self.minimum,
            "maximum": self.maximum,
            "length": self.length,
            "default": self.default,
            "grow": self.grow or None,
        }
        return {
            **{name: value for name, value in extra.items() if value is not None},
            "name": self.name,
            "dtype": self.dtype,
            "role": self.role,
            "vocabulary": list(self.vocabulary),
            "buckets": self.buckets,
        }
