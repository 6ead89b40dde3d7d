"""Vocabularies that grow: which words of some rows get a code, and rows with codes for words."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from ingest.errors import RowsError, SchemaError
from ingest.field import Field
from ingest.ragged import Ragged
from ingest.rows import Rows
from ingest.schema import Schema

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["Vocabularies"]

LONGEST = 1024


@dataclass(frozen=True)
class Vocabularies:
    """The words of each field whose vocabulary grows, in the order of their codes.

    The code of a word is its place counted from 1; a word without one has the code 0. So have the
    empty word and words of more than 1,024 bytes, unless the schema itself names them.

    Guarantees:
        Stability: a word that has a code keeps it.
        Determinism: what `grow` returns is a function of the vocabularies and of the set of rows,
            however the rows are ordered; new words come in the order of the first records that
            have them, by identity.
        Bound: a field never has more than `Field.grow` words.

    Attributes:
        words: by field.
    """

    words: Mapping[str, tuple[bytes, ...]]

    @classmethod
    def of(cls, schema: Schema) -> Vocabularies:
        """Those that a schema begins with."""
        return cls({f.name: tuple(w.encode() for w in f.vocabulary) for f in growing(schema)})

    def grow(self, rows: Rows, schema: Schema) -> Vocabularies:
        """Those and the new words of some rows, as far as there is room.

        Raises:
            RowsError: a field's column has no words.
        """
        uses = self.first_uses(rows, schema)
        words = {name: [word for word, _ in found] for name, found in uses.items()}
        return self.with_words(words, schema)

    def first_uses(
        self, rows: Rows, schema: Schema
    ) -> dict[str, list[tuple[bytes, tuple[str, int, int]]]]:
        """The words of some rows that have no code yet and could get one, by field.

        Returns:
            Each word with (topic, partition, offset) of the first record that has it, in this
            order, and no more than can get a code.

        Raises:
            RowsError: a field's column has no words.
        """
        ordered = rows.sorted_by_identity()
        return {field.name: self._first_uses(field, ordered) for field in growing(schema)}

    def with_words(self, words: Mapping[str, Sequence[bytes]], schema: Schema) -> Vocabularies:
        """Those and some words that have no code yet, by field, as far as there is room."""
        return Vocabularies(
            {
                f.name: (*self.words.get(f.name, ()), *words[f.name][: self._room(f)])
                for f in growing(schema)
            }
        )

    def encode(self, rows: Rows, schema: Schema) -> Rows:
        """The rows with int32 codes in place of the words.

        Raises:
            RowsError: a field's column has no words.
        """
        coded = {f.name: self._codes(f, rows) for f in growing(schema)}
        return replace(rows, columns={**rows.columns, **coded})

    def to_json(self) -> dict[str, Any]:
        """A plain form: words by field."""
        return {
            name: [word.decode("utf-8", "surrogateescape") for word in words]
            for name, words in self.words.items()
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any], schema: Schema) -> Vocabularies:
        """The inverse of `to_json`.

        Raises:
            SchemaError: it is not of that form, or of another schema.
        """
        words = {}
        for field in growing(schema):
            found = value.get(field.name)
            if not isinstance(found, list) or not all(isinstance(word, str) for word in found):
                raise _error(field, f"expected a list of words, got {str(found)[:100]}")
            if len(set(found)) != len(found) or len(found) > field.grow:
                raise _error(field, f"expected at most {field.grow} words, none twice")
            if tuple(found[: len(field.vocabulary)]) != field.vocabulary:
                raise _error(field, "expected its words to begin with those of the schema")
            words[field.name] = tuple(word.encode("utf-8", "surrogateescape") for word in found)
        others = sorted(set(value) - set(words))
        if others:
            text = ", ".join(others)
            raise SchemaError(f"vocabularies: no field with a vocabulary that grows: {text}")
        return cls(words)

    @cached_property
    def _places(self) -> dict[str, dict[bytes, int]]:
        return {
            name: {word: place for place, word in enumerate(words, 1)}
            for name, words in self.words.items()
        }

    def _room(self, field: Field) -> int:
        return max(0, field.grow - len(self.words.get(field.name, ())))

    def _first_uses(self, field: Field, rows: Rows) -> list[tuple[bytes, tuple[str, int, int]]]:
        known, (distinct, places) = self._places.get(field.name, {}), _distinct(field, rows)
        first = np.unique(places, return_index=True)[1]
        new = (
            (word, (rows.topics[rows.topic[at]], int(rows.partition[at]), int(rows.offset[at])))
            for word, at in zip(distinct, first.tolist(), strict=True)
            if word not in known and 0 < len(word) <= LONGEST
        )
        return list(islice(new, self._room(field)))

    def _codes(self, field: Field, rows: Rows) -> NDArray[np.int32]:
        distinct, places = _distinct(field, rows)
        known = self._places.get(field.name, {})
        codes = np.array([known.get(word, 0) for word in distinct], np.int32)
        return codes[places]


def growing(schema: Schema) -> tuple[Field, ...]:
    """The fields whose vocabularies grow."""
    return tuple(field for field in schema.fields if field.grow)


def _distinct(field: Field, rows: Rows) -> tuple[list[bytes], NDArray[np.int64]]:
    """The words of a column in the order of their first rows, and of each row its word's place."""
    from ingest.rows_file import to_arrow  # pyarrow is slow to import

    column = rows.columns[field.name]
    if not isinstance(column, Ragged):
        raise RowsError(f'rows: expected words in "{field.name}", got {column.dtype}')
    encoded = to_arrow(column).dictionary_encode()
    return encoded.dictionary.to_pylist(), encoded.indices.to_numpy().astype(np.int64)


def _error(field: Field, text: str) -> SchemaError:
    return SchemaError(f"vocabularies: field {json.dumps(field.name)}: {text}")
