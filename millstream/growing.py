"""Vocabularies that grow: each round's is its parent's and the new words of its training rows.

It is cut with the window, so a round's codes are a function of its parent's vocabulary and its
window alone. Words keep their codes for ever: a model that knows fewer words sees the others as
unknown.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from ingest import Rows, Schema, Vocabularies, Window
from millstream.round_store import RoundFolder

__all__ = [
    "as_known",
    "grow",
    "known_words",
    "schema_of",
    "tags_of",
    "vocabularies_of",
    "words_of_tags",
]

TAG = "millstream.words."


def vocabularies_of(schema: Schema, folder: RoundFolder) -> Vocabularies:
    """The vocabularies that a round's model was trained with; a schema's own before the first."""
    saved = folder.vocabulary()
    return Vocabularies.of(schema) if saved is None else Vocabularies.from_json(saved, schema)


def grow(schema: Schema, parent: RoundFolder, window: Window) -> tuple[Window, Vocabularies]:
    """The window with codes for words, and the vocabularies that gave them.

    Args:
        schema: of the window's rows.
        parent: the round before.
        window: as it was read.
    """
    grown = vocabularies_of(schema, parent).grow(window.train, schema)
    if not grown.words:
        return window, grown
    encoded = replace(
        window,
        train=grown.encode(window.train, schema),
        validation=grown.encode(window.validation, schema),
        test=grown.encode(window.test, schema),
    )
    return encoded, grown


def schema_of(schema: Schema, vocabularies: Vocabularies) -> Schema:
    """The schema with the words of now, as the predictor needs it."""
    words = {
        name: tuple(word.decode("utf-8", "surrogateescape") for word in known)
        for name, known in vocabularies.words.items()
    }
    return Schema(
        tuple(
            replace(field, vocabulary=words[field.name]) if field.name in words else field
            for field in schema.fields
        )
    )


def as_known(rows: Rows, known: Mapping[str, int]) -> Rows:
    """Rows as a model sees them that knows only the first so many words of some fields."""
    columns = dict(rows.columns)
    for name, count in known.items():
        column = np.asarray(columns[name])
        columns[name] = np.where(column <= count, column, 0).astype(np.int32)
    return replace(rows, columns=columns)


def known_words(vocabularies: Vocabularies) -> dict[str, int]:
    """How many words each growing field has."""
    return {name: len(words) for name, words in vocabularies.words.items()}


def tags_of(vocabularies: Vocabularies) -> dict[str, str]:
    """The tags of a version that say how many words it knows."""
    return {f"{TAG}{name}": str(count) for name, count in known_words(vocabularies).items()}


def words_of_tags(tags: Mapping[str, str], schema: Schema) -> dict[str, int]:
    """How many words of each growing field a version knows; the schema's own if it does not say."""
    found = {}
    for field in schema.features:
        if field.grow:
            told = tags.get(f"{TAG}{field.name}", "")
            found[field.name] = int(told) if told.isdecimal() else len(field.vocabulary)
    return found
