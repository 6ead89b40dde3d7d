"""Millstream on a stream: windows out of Kafka, each predicted whole, then learned.

The service scores a holdout, which it never trains on. River predicts every record, and learns
every record; so here every record of a window is predicted by the learner of the rounds before, and
then learned: the parts are the service's, the holdout is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keras

import trainer
from ingest import (
    History,
    JsonDecoder,
    KafkaSource,
    NoDeadLetters,
    Recent,
    RecordBatch,
    Rows,
    SampleSettings,
    Schema,
    Segments,
    Selection,
    Statistics,
    WindowBuilder,
    steps_per_epoch,
    training_dataset,
)

__all__ = ["Settings", "accuracy", "read_rounds", "round_sizes"]


@dataclass(frozen=True)
class Settings:
    """Of the learner, for all streams alike.

    Attributes:
        size: records of a round.
        first: records of the first round; each round has so many more, up to `size`.
        ratio: rows of the history that are learned with each row of the window.
        half_life: of a row's chance to be in the history, in records.
        kept: rows of the history.
        epochs: of a round.
        batch: rows of a batch.
        width: of the two hidden layers.
        dropout: behind each of them.
        rate: of learning.
    """

    size: int = 100
    first: int = 10
    ratio: float = 4.0
    half_life: int = 500
    kept: int = 4_000
    epochs: int = 8
    batch: int = 32
    width: int = 128
    dropout: float = 0.2
    rate: float = 3e-3


def round_sizes(records: int, settings: Settings) -> Iterator[int]:
    """Records of each round, until there are no more."""
    size = settings.first
    while records > 0:
        yield min(size, records)
        records -= size
        size = min(size + settings.first, settings.size)


def read_rounds(
    servers: str, topic: str, schema: Schema, records: int, settings: Settings
) -> Iterator[Rows]:
    """The rows of each round, as windows that are cut from a topic of one partition."""
    source = KafkaSource((topic,), {"bootstrap_servers": servers}, "earliest")
    try:
        builder = WindowBuilder(
            schema=schema,
            topics=(topic,),
            decoder=JsonDecoder(schema),
            dead_letters=NoDeadLetters(),
            settings=SampleSettings(seed=0, window=settings.size, holdout=0.0),
            start=source.position(),
        )
        waiting: list[RecordBatch] = []
        end = 0
        for size in round_sizes(records, settings):
            end += size
            while (builder.end.get(topic, 0) or 0) < end:
                waiting = waiting or source.poll(1.0)
                batch = waiting.pop(0) if waiting else None
                if batch is not None and (now := batch.between(0, end)) is not None:
                    builder.add(now)
                if batch is not None and (later := batch.between(end, 1 << 62)) is not None:
                    waiting.insert(0, later)
            yield builder.cut().train
    finally:
        source.close()


def accuracy(
    rounds: Iterable[Rows], schema: Schema, seed: int, place: Path, settings: Settings
) -> tuple[float, Rows]:
    """Test, then train.

    Args:
        rounds: the rows of each.
        schema: of the rows.
        seed: of the model, of the order of batches and of what is recalled.
        place: an empty folder for the history.
        settings: of the learner.

    Returns:
        The accuracy over all records, and these, in their order.
    """
    keras.utils.set_random_seed(seed)
    learner = trainer.Learner(make_model(schema, settings), seed)
    statistics = Statistics.empty(schema)
    history: History | None = None
    seen, hits = [], 0
    for number, rows in enumerate(rounds):
        output = learner.predict(rows.features(schema))
        hits += int((output.argmax(axis=1) == rows.labels(schema)).sum())
        seen.append(rows)
        statistics = statistics.updated(rows)
        numbers = {"x": (statistics.mean("x"), statistics.variance("x"))}
        trainer.set_statistics(learner.model, numbers)
        history = history or make_history(rows, schema, seed, place, settings)
        recalled, _ = history.recall(int(settings.ratio * len(rows)), seed, epoch=number)
        train(learner, Rows.concat([rows, recalled]), schema, seed * 1_000_003 + number, settings)
        history.offer(rows)
    whole = Rows.concat(seen)
    return hits / len(whole), whole


def make_history(rows: Rows, schema: Schema, seed: int, place: Path, settings: Settings) -> History:
    """An empty history that prefers what is recent."""
    weighting = Recent(records=settings.half_life)
    selection = Selection(settings.kept, seed, schema, weighting)
    return History(selection, rows.topics, Segments(place))


def make_model(schema: Schema, settings: Settings) -> keras.Model:
    """Two hidden layers over numbers that are normalised by the stream so far."""
    given = keras.Input(schema.features[0].shape, name="x")
    hidden = trainer.StreamNormalization("x")(given)
    for _ in range(2):
        hidden = keras.layers.Dense(settings.width, activation="relu")(hidden)
        hidden = keras.layers.Dropout(settings.dropout)(hidden)
    classes = len(schema.label.vocabulary)
    model = keras.Model(given, keras.layers.Dense(classes, activation="softmax")(hidden))
    model.compile(keras.optimizers.Adam(settings.rate), "sparse_categorical_crossentropy")
    return model


def train(
    learner: trainer.Learner, rows: Rows, schema: Schema, seed: int, settings: Settings
) -> None:
    """All epochs of a round; there is no holdout that could stop them."""
    epochs, batch = settings.epochs, settings.batch
    dataset = training_dataset(rows, schema, batch_size=batch, epochs=epochs, seed=seed)
    told = learner.train(
        dataset,
        steps_per_epoch(len(rows), batch),
        None,
        trainer.TrainSettings(epochs=epochs, unmonitored_epochs=epochs),
        seed % 2**31,
    )
    if told.diverged:
        raise RuntimeError(told.diverged)
