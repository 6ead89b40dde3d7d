"""Rows of a round's window that its rungs calibrate by and fine-tune on; never test rows.

They are chosen by who they are and kept in the round's folder, so a restart or a replay compresses
with the same rows, and the number of workers does not change them.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from ingest import Rows, Schema, Workers, hash64
from millstream.config.config import Config
from millstream.rounds.folder import RoundFolder
from millstream.workers.rows import save_rows
from registry import Examples

if TYPE_CHECKING:
    pass

__all__ = ["read_examples", "save_examples"]


def save_examples(
    config: Config, rows: Rows, folder: RoundFolder, seed: int, workers: Workers
) -> None:
    """Write the examples, if some rung wants any; all workers call it.

    Args:
        config: says how many.
        rows: this worker's rows of the window that are trained on, with codes for words.
        folder: of the round.
        seed: of the choice.
        workers: each leaves its part in the folder, and the first one puts them together.
    """
    if not config.compress.needs_examples:
        return
    most = config.compress.examples

    def join(parts: list[Rows]) -> Rows:
        return smallest(Rows.concat(parts), most, seed).sorted_by_identity()

    save_rows(smallest(rows, most, seed), folder.examples, workers, join)


def read_examples(folder: RoundFolder, schema: Schema) -> Examples | None:
    """A round's examples as the model takes them, in an order that is nobody's; None without."""
    if not folder.examples.exists():
        return None
    rows = Rows.load(folder.examples)
    if not len(rows):
        return None
    mixed = smallest(rows, len(rows), folder.plan().seed)
    return Examples(mixed.features(schema), mixed.labels(schema), mixed.weights(schema))


def smallest(rows: Rows, most: int, seed: int) -> Rows:
    """The rows of the smallest keys, in the order of their keys."""
    keys = hash64(seed, "compress", rows.topics, rows.topic, rows.partition, rows.offset)
    return rows.take(np.argsort(keys, kind="stable")[:most])
