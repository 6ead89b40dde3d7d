"""The running statistics of the features of a stream."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np

from ingest.errors import StatisticsError
from ingest.field import Field
from ingest.ragged import Column, Ragged
from ingest.rows import Rows
from ingest.schema import Schema
from ingest.statistics.counts import Tally
from ingest.statistics.numbers import Numbers

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

__all__ = ["Statistics"]

FORMAT = 1
COUNTED = ("bool", "category")
Part = Numbers | Tally
P = TypeVar("P", Numbers, Tally)


@dataclass(frozen=True, eq=False)
class Statistics:
    """What the features of all rows so far look like, as a value.

    Numbers and timestamps (milliseconds) have mean, variance, extremes and quantiles; the moments
    of a list are of each of its places (of all places together beyond 4,096), its quantiles of all
    places. Categories and booleans have the weight of each code, lists of them that of all
    elements. Of texts, bytes and lists of any length there are the statistics of their lengths.

    Guarantees:
        Determinism: the same rows in the same order, cut into the same updates, give the same
            bits. With whole weights, counts and quantiles are the same in any order and cut;
            moments are so up to rounding.
        Bound: a number or list has at most 4,097 buckets and 4 x 4,096 numbers; a category has a
            number for each code that was seen.
        Precision: all is float64, so whole numbers beyond 2**53 are rounded.

    Attributes:
        schema: of the rows.
        rows: rows seen.
        weight: what they weigh together; less when the past fades.
        parts: by feature.
    """

    schema: Schema
    rows: int
    weight: float
    parts: Mapping[str, Part]

    @classmethod
    def empty(cls, schema: Schema) -> Statistics:
        """Of no rows."""
        return cls(schema, 0, 0.0, {field.name: _nothing(field) for field in schema.features})

    def updated(
        self, rows: Rows, weights: NDArray[np.float64] | None = None, decay: float = 1.0
    ) -> Statistics:
        """Of the rows so far and some more.

        Args:
            rows: with codes for words (see `Vocabularies.encode`). Their order decides the last
                bits: give them sorted by identity.
            weights: how many rows of the stream each stands for, at least 0, [n] (Horvitz and
                Thompson's inverse inclusion probabilities); None for 1 each. A weight counts as
                that many repetitions.
            decay: what each row so far weighs from now on, as a share (0 to 1) of what it weighed.
                1 forgets nothing; with d a change of the stream is half learned after
                ln(2) / -ln(d) updates of equal weight. Extremes are never forgotten.

        Raises:
            StatisticsError: a column is missing or of another kind, or a weight or `decay` is out
                of its range.
        """
        if not 0.0 <= decay <= 1.0:
            raise StatisticsError(f"statistics: expected a decay from 0 to 1, got {decay}")
        given = _checked_weights(weights, len(rows))
        past = self if decay == 1.0 else self._scaled(decay)
        counted = given > 0
        if not counted.all():
            rows, given = rows.take(counted), given[counted]
        if not len(rows):
            return past
        new = {f.name: _of(f, rows.columns.get(f.name), given) for f in self.schema.features}
        return past.merged(Statistics(self.schema, len(rows), float(given.sum()), new))

    def merged(self, other: Statistics) -> Statistics:
        """Of the rows of both, which must not have a row in common.

        The order of merging decides the last bits of the moments: merge parts in a fixed order.

        Raises:
            StatisticsError: they are of different schemas.
        """
        _check_schema(self.schema, other.schema.fingerprint())
        return Statistics(
            self.schema,
            self.rows + other.rows,
            self.weight + other.weight,
            {name: _merge(part, other.parts[name]) for name, part in self.parts.items()},
        )

    def _scaled(self, share: float) -> Statistics:
        if share == 0.0:
            return Statistics.empty(self.schema)
        parts = {name: part.scaled(share) for name, part in self.parts.items()}
        return Statistics(self.schema, self.rows, self.weight * share, parts)

    def mean(self, name: str) -> NDArray[np.float64]:
        """Float64 of the shape of a row (() for a list of more than 4,096); 0 of no rows.

        Raises:
            StatisticsError: there is no such feature, or it has counts.
        """
        return self._part(name, Numbers).moments.mean

    def variance(self, name: str) -> NDArray[np.float64]:
        """The mean squared distance from the mean, in the same shape; 1 of no rows.

        Raises:
            StatisticsError: as `mean`.
        """
        return self._part(name, Numbers).moments.variance

    def std(self, name: str) -> NDArray[np.float64]:
        """The square root of `variance`.

        Raises:
            StatisticsError: as `mean`.
        """
        return np.sqrt(self.variance(name))

    def minimum(self, name: str) -> NDArray[np.float64]:
        """The smallest number ever, in the shape of `mean`.

        Raises:
            StatisticsError: as `mean`, or there was no row yet.
        """
        return self._seen(name).moments.minimum

    def maximum(self, name: str) -> NDArray[np.float64]:
        """The largest number ever, in the shape of `mean`.

        Raises:
            StatisticsError: as `minimum`.
        """
        return self._seen(name).moments.maximum

    def quantile(self, name: str, q: ArrayLike) -> NDArray[np.float64]:
        """The smallest number that a share `q` of the weight does not exceed, within 0.78 %.

        Args:
            name: of a feature; of a list all places are looked at together.
            q: shares, from 0 (the smallest number) to 1 (the largest).

        Returns:
            float64 in the shape of `q`. See `ingest.statistics.quantiles` for the bound.

        Raises:
            StatisticsError: as `minimum`, or a share is out of its range.
        """
        shares = np.asarray(q, np.float64)
        if not ((shares >= 0.0) & (shares <= 1.0)).all():
            raise StatisticsError(f'feature "{name}": expected shares from 0 to 1, got {shares}')
        return self._seen(name).quantiles(shares)

    def counts(self, name: str) -> NDArray[np.float64]:
        """Float64[cardinality] (booleans: 2), the weight of each code.

        Raises:
            StatisticsError: there is no such feature, or it is no category or boolean.
        """
        size = next((f.cardinality for f in self.schema.features if f.name == name), None)
        return self._part(name, Tally).dense(size or 2)

    @property
    def numeric(self) -> tuple[str, ...]:
        """The features with a mean of their values: numbers, timestamps, lists of one length."""
        return tuple(f.name for f in self.schema.features if not (_counts(f) or f.is_ragged))

    def to_json(self) -> dict[str, Any]:
        """A plain form, for JSON that keeps floats whole, as Python's does."""
        return {
            "format": FORMAT,
            "schema": self.schema.fingerprint(),
            "rows": self.rows,
            "weight": self.weight,
            "features": {name: part.to_json() for name, part in self.parts.items()},
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], schema: Schema) -> Statistics:
        """The inverse of `to_json`, bit for bit.

        Raises:
            StatisticsError: it is not of that form, or of another schema.
        """
        try:
            if value["format"] != FORMAT:
                raise ValueError(f"expected format {FORMAT}, got {value['format']!r}")
            _check_schema(schema, value["schema"])
            features = value["features"]
            parts = {f.name: _part_from_json(f, features[f.name]) for f in schema.features}
            rows, weight = int(value["rows"]), float(value["weight"])
            if rows < 0 or not 0.0 <= weight < float("inf"):
                raise ValueError(f"{rows} rows that weigh {weight}")
            return cls(schema, rows, weight, parts)
        except (KeyError, TypeError, ValueError, OverflowError) as error:
            raise StatisticsError(
                f"statistics: expected what Statistics.to_json made, got {error}"
            ) from error

    def _part(self, name: str, kind: type[P]) -> P:
        part = self.parts.get(name)
        if isinstance(part, kind):
            return part
        if part is None:
            known = ", ".join(sorted(self.parts))
            raise StatisticsError(f'statistics: no feature "{name}"; there are: {known}')
        has, other = ("counts", "mean") if kind is Numbers else ("a mean and quantiles", "counts")
        raise StatisticsError(f'feature "{name}": it has {has}, no {other}')

    def _seen(self, name: str) -> Numbers:
        part = self._part(name, Numbers)
        if not part.moments.weight:
            raise StatisticsError(f'feature "{name}": no row was seen yet, so it has no quantiles')
        return part


def _counts(field: Field) -> bool:
    return field.dtype in COUNTED and field.length != "ragged"


def _nothing(field: Field) -> Part:
    return Tally.empty() if _counts(field) else Numbers.empty(field.shape)


def _part_from_json(field: Field, value: Mapping[str, Any]) -> Part:
    if _counts(field):
        return Tally.from_json(value, 0, (field.cardinality or 2) - 1)
    return Numbers.from_json(value, field.shape)


def _merge(one: Part, other: Part) -> Part:
    if isinstance(one, Tally) and isinstance(other, Tally):
        return one.merged(other)
    if isinstance(one, Numbers) and isinstance(other, Numbers):
        return one.merged(other)
    raise StatisticsError("statistics: expected parts of the same kind")


def _of(field: Field, column: Column | None, weights: NDArray[np.float64]) -> Part:
    if isinstance(column, Ragged) and field.is_ragged and not _counts(field):
        return Numbers.of(column.lengths, weights)
    if column is None or isinstance(column, Ragged) or column.shape[1:] != field.shape:
        got = "none" if column is None else getattr(column, "shape", "a ragged one")
        wanted = [len(weights), *field.shape]
        raise StatisticsError(
            f'feature "{field.name}": expected a column {wanted}, got {got};'
            " words of a growing vocabulary are encoded first"
        )
    if not _counts(field):
        return Numbers.of(column, weights)
    size = column[0].size
    return Tally.of(column.reshape(-1).astype(np.int64), np.repeat(weights, size))


def _checked_weights(weights: NDArray[np.float64] | None, rows: int) -> NDArray[np.float64]:
    if weights is None:
        return np.ones(rows)
    given = np.asarray(weights, np.float64)
    if given.shape != (rows,):
        raise StatisticsError(
            f"statistics: expected weights[{rows}], got an array of shape {list(given.shape)}"
        )
    if not (given >= 0.0).all() or not np.isfinite(given.sum()):
        raise StatisticsError("statistics: expected weights that are finite and at least 0")
    return given


def _check_schema(schema: Schema, fingerprint: str) -> None:
    if schema.fingerprint() != fingerprint:
        raise StatisticsError(
            f"statistics: expected those of the schema {schema.fingerprint()[:12]}, got those of"
            f" {str(fingerprint)[:12]}; statistics of different schemas do not go together"
        )
