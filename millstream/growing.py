"""Vocabularies that grow: each round's is its parent's and the new words of its training rows.

It is cut with the window, so a round's codes are a function of its parent's vocabulary and its
window alone. Words keep their codes for ever: a model that knows fewer words sees the others as
unknown.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from ingest import Rows, Schema, SchemaError, Vocabularies, Window, Workers, grow_together
from millstream.errors import RoundStoreError
from millstream.rounds.store import RoundFolder

__all__ = ["grow", "recoded", "schema_of", "tags_of", "vocabularies_of"]

TAG = "millstream.words."


def vocabularies_of(schema: Schema, folder: RoundFolder) -> Vocabularies:
    """The vocabularies that a round's model was trained with; a schema's own before the first.

    Raises:
        RoundStoreError: they are missing, or not the schema's.
    """
    first = Vocabularies.of(schema)
    if folder.number == 0 or not first.words:
        return first
    try:
        return Vocabularies.from_json(folder.vocabulary(), schema)
    except SchemaError as error:
        raise RoundStoreError(
            f"{folder.path / 'vocabulary.json'}: {error}; restore the folder from a backup, or use"
            " another service.state_dir"
        ) from error


def grow(
    schema: Schema, parent: RoundFolder, window: Window, workers: Workers | None = None
) -> tuple[Window, Vocabularies]:
    """The window with codes for words, and the vocabularies that gave them.

    Args:
        schema: of the window's rows.
        parent: the round before.
        window: as it was read.
        workers: whose windows it is a part of; None for a single one.
    """
    known = vocabularies_of(schema, parent)
    if workers is None:
        grown = known.grow(window.train, schema)
    else:
        grown = grow_together(known, window.train, schema, workers)
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


def recoded(rows: Rows, ours: Schema, theirs: Schema) -> Rows:
    """Rows with the codes that another schema has for the words of their categories.

    Args:
        rows: with codes by `ours`.
        ours: with the words of now.
        theirs: of the model that is to see the rows; what it does not know is unknown to it.
    """
    others = {field.name: field for field in theirs.features if field.dtype == "category"}
    columns = dict(rows.columns)
    for field in ours.features:
        if field.vocabulary and field.name in others:
            codes = others[field.name].codes(field.vocabulary)
            by_code = np.concatenate([np.zeros(1, np.int32), codes])
            columns[field.name] = by_code[np.asarray(columns[field.name])]
    return replace(rows, columns=columns)


def tags_of(vocabularies: Vocabularies) -> dict[str, str]:
    """The tags of a version that say how many words it knows."""
    return {f"{TAG}{name}": str(len(words)) for name, words in vocabularies.words.items()}
