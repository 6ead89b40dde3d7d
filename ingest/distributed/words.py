"""Vocabularies that grow by the rows of all workers."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from ingest.distributed.workers import Workers
from ingest.rows import Rows
from ingest.schema import Schema
from ingest.vocabulary import Vocabularies

if TYPE_CHECKING:
    from typing import Any

__all__ = ["grow_together"]


def grow_together(
    known: Vocabularies, rows: Rows, schema: Schema, workers: Workers
) -> Vocabularies:
    """What `known.grow` makes of the rows of all workers; all of them call it.

    Only words without a code are told, each with its first record.
    """
    if not known.words:
        return known
    found = known.first_uses(rows, schema)
    told = {name: [[word.hex(), *who] for word, who in uses] for name, uses in found.items()}
    heard = [json.loads(data) for data in workers.gather(json.dumps(told).encode())]
    return known.with_words(
        {name: _in_order([use for each in heard for use in each[name]]) for name in found}, schema
    )


def _in_order(uses: list[list[Any]]) -> list[bytes]:
    """Words by their first records, each once."""
    ordered = sorted(uses, key=lambda use: (use[1], use[2], use[3]))
    return list(dict.fromkeys(bytes.fromhex(word) for word, *_ in ordered))
