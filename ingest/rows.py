"""Decoded records as columns, each with its identity."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.errors import RowsError
from ingest.ragged import Column, Ragged, concat_columns, take_rows

if TYPE_CHECKING:
    from numpy.typing import ArrayLike, NDArray

    from ingest.schema import Schema

__all__ = ["Rows"]


@dataclass(frozen=True, eq=False)
class Rows:
    """Some records: who they are, and their values by column.

    Attributes:
        topics: names, sorted, none twice.
        topic: int32[n], index into `topics`.
        partition: int32[n].
        offset: int64[n].
        timestamp: int64[n], milliseconds since the epoch; -1 when a record has none.
        columns: one per field of the schema, in its dtype: array[n], array[n, length] or `Ragged`.

    Raises:
        RowsError: the columns do not fit together.
    """

    topics: tuple[str, ...]
    topic: NDArray[np.int32]
    partition: NDArray[np.int32]
    offset: NDArray[np.int64]
    timestamp: NDArray[np.int64]
    columns: Mapping[str, Column]

    def __post_init__(self) -> None:
        if list(self.topics) != sorted(set(self.topics)):
            raise RowsError(f"rows: expected sorted topics, none twice, got {self.topics}")
        expected: dict[str, type[np.signedinteger[Any]]] = {
            "topic": np.int32,
            "partition": np.int32,
        }
        expected |= {"offset": np.int64, "timestamp": np.int64}
        for name, dtype in expected.items():
            if getattr(self, name).dtype != dtype:
                raise RowsError(
                    f"rows: expected {name} as {np.dtype(dtype)}, got {getattr(self, name).dtype}"
                )
        for name in expected:
            self._check_shape(name, getattr(self, name))
        for name, column in self.columns.items():
            if len(column) != len(self):
                raise RowsError(f"rows: expected {name}[{len(self)}], got {len(column)} rows")
        if len(self) and not 0 <= self.topic.min() <= self.topic.max() < len(self.topics):
            raise RowsError("rows: a topic index is outside the topics")

    def _check_shape(self, name: str, column: NDArray[Any]) -> None:
        if column.shape != (len(self),):
            raise RowsError(f"rows: expected {name}[{len(self)}], got {list(column.shape)}")

    def __len__(self) -> int:
        return len(self.offset)

    def __eq__(self, other: object) -> bool:
        """Same topics, same rows in the same order, same dtypes and values."""
        if not isinstance(other, Rows):
            return NotImplemented
        mine, theirs = self._arrays(), other._arrays()
        return (
            self.topics == other.topics
            and mine.keys() == theirs.keys()
            and all(_same(mine[name], theirs[name]) for name in mine)
        )

    __hash__ = None  # type: ignore[assignment]

    def _arrays(self) -> dict[str, Column]:
        identity: dict[str, Column] = {
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "timestamp": self.timestamp,
        }
        return {
            **{f"identity.{name}": array for name, array in identity.items()},
            **{f"column.{name}": array for name, array in self.columns.items()},
        }

    @classmethod
    def _of(cls, topics: tuple[str, ...], arrays: Mapping[str, Column]) -> Rows:
        plain: Mapping[str, Any] = arrays
        names = [n.removeprefix("column.") for n in arrays if n.startswith("column.")]
        return cls(
            topics=topics,
            topic=plain["identity.topic"],
            partition=plain["identity.partition"],
            offset=plain["identity.offset"],
            timestamp=plain["identity.timestamp"],
            columns={name: arrays[f"column.{name}"] for name in names},
        )

    @classmethod
    def empty(cls, schema: Schema, topics: Sequence[str]) -> Rows:
        """No rows, with the columns of a schema."""
        return cls(
            topics=tuple(sorted(set(topics))),
            topic=np.zeros(0, np.int32),
            partition=np.zeros(0, np.int32),
            offset=np.zeros(0, np.int64),
            timestamp=np.zeros(0, np.int64),
            columns={field.name: field.empty_column() for field in schema.fields},
        )

    @classmethod
    def concat(cls, parts: Sequence[Rows]) -> Rows:
        """All rows of some parts, in their order; topics are united.

        Raises:
            RowsError: there are no parts, or they have different columns.
        """
        if not parts:
            raise RowsError("rows: nothing to concatenate; Rows.empty makes no rows")
        topics = tuple(sorted({topic for part in parts for topic in part.topics}))
        aligned = [part.with_topics(topics)._arrays() for part in parts]
        kinds = [{name: array.dtype for name, array in part.items()} for part in aligned]
        if any(kind != kinds[0] for kind in kinds):
            raise RowsError("rows: expected parts with the same columns and dtypes")
        return cls._of(
            topics, {name: concat_columns([part[name] for part in aligned]) for name in kinds[0]}
        )

    def with_topics(self, topics: tuple[str, ...]) -> Rows:
        """The same rows among more topics: sorted, and all of `self.topics` among them."""
        if topics == self.topics:
            return self
        place = np.array([topics.index(topic) for topic in self.topics], np.int32)
        return Rows._of(topics, {**self._arrays(), "identity.topic": place[self.topic]})

    def take(self, indices: ArrayLike) -> Rows:
        """The rows at `indices` (integers or a mask), copied."""
        chosen = np.asarray(indices)
        chosen = chosen.astype(np.intp) if chosen.size == 0 and chosen.dtype != bool else chosen
        return Rows._of(self.topics, {n: take_rows(a, chosen) for n, a in self._arrays().items()})

    def sorted_by_identity(self) -> Rows:
        """The rows by topic name, partition and offset."""
        return self.take(np.lexsort((self.offset, self.partition, self.topic)))

    def identities(self) -> NDArray[np.void]:
        """Who the rows are: a structured array[n] of topic (index), partition, offset."""
        kind = [("topic", np.int32), ("partition", np.int32), ("offset", np.int64)]
        found = np.empty(len(self), kind)
        for name in ("topic", "partition", "offset"):
            found[name] = getattr(self, name)
        return found

    def features(self, schema: Schema) -> dict[str, NDArray[Any]]:
        """What a model may look at, by name.

        Raises:
            RowsError: a column is ragged.
        """
        return {field.name: _plain(self.columns[field.name]) for field in schema.features}

    def labels(self, schema: Schema) -> NDArray[Any]:
        """What a model learns to predict."""
        return _plain(self.columns[schema.label.name])

    def weights(self, schema: Schema) -> NDArray[np.float32] | None:
        """What each row weighs; None when all weigh the same."""
        return _plain(self.columns[schema.weight.name]) if schema.weight else None

    def save(self, path: Path) -> None:
        """Write an Arrow IPC file, durably: after this it is there whole, or not at all."""
        from ingest.rows_file import write_rows_file

        write_rows_file(path, self.topics, self._arrays())

    @classmethod
    def load(cls, path: Path, *, mapped: bool = False) -> Rows:
        """Read what `save` wrote: the same rows, bit for bit.

        Args:
            path: of the file.
            mapped: leave the values in the file until they are looked at.

        Raises:
            RowsError: there is no such file, or it is damaged.
        """
        from ingest.rows_file import read_rows_file

        return cls._of(*read_rows_file(path, mapped=mapped))


def _plain(column: Column) -> NDArray[Any]:
    """A column whose rows have one shape, which a label and a weight always are."""
    if isinstance(column, Ragged):
        raise RowsError("rows: expected rows of one shape, got a ragged column")
    return column


def _same(one: Column, other: Column) -> bool:
    if isinstance(one, Ragged) or isinstance(other, Ragged):
        return one == other
    return one.dtype == other.dtype and np.array_equal(one, other)
