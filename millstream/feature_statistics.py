"""Statistics of features: each round's are its parent's and the training rows of its window.

They decide what `StreamNormalization` layers do, so they are as reproducible as the weights: a
function of the parent's statistics and the window alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ingest import Schema, Statistics, StatisticsError, Window, Workers, update_together
from millstream.errors import RoundStoreError
from millstream.rounds.store import RoundFolder

if TYPE_CHECKING:
    import keras

__all__ = ["normalize", "statistics_of", "with_window"]


def statistics_of(schema: Schema, folder: RoundFolder) -> Statistics:
    """The statistics after a round; of no rows where there were none yet.

    Raises:
        RoundStoreError: they are missing, damaged, or of another schema.
    """
    saved = folder.statistics()
    if saved is None:
        return Statistics.empty(schema)
    try:
        return Statistics.from_json(saved, schema)
    except StatisticsError as error:
        raise RoundStoreError(
            f"{folder.path / 'statistics.json'}: {error}; restore the folder from a backup, or use"
            " another service.state_dir"
        ) from error


def with_window(before: Statistics, window: Window, workers: Workers | None = None) -> Statistics:
    """Those and the training rows of a window, which has codes for words.

    Each row weighs what it stands for, so whatever the policy of sampling is, these are the
    statistics of the stream's training side.

    Args:
        before: the parent's.
        window: of the round, or this worker's part of it.
        workers: None for a single one, whose rows are taken at once; the bits of what several make
            are the same for any number of them.
    """
    if workers is None:
        return before.updated(window.train, window.train_weights)
    return update_together(before, window.train, window.train_weights, workers)


def normalize(model: keras.Model, statistics: Statistics) -> None:
    """Give a model's layers their means and variances; of no rows, leave them as they are.

    Raises:
        trainer.ModelError: a layer's feature has no mean, or one of another shape.
    """
    import trainer

    if statistics.rows:
        names = statistics.numeric
        known = {name: (statistics.mean(name), statistics.variance(name)) for name in names}
        trainer.set_statistics(model, known)
