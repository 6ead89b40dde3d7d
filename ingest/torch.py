"""Kafka's topics for PyTorch: an iterable dataset whose state can be saved. Imports PyTorch."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Unpack

import torch
from torch.utils.data import IterableDataset, get_worker_info

from ingest.field import Field
from ingest.ragged import Column, Ragged
from ingest.rows import Rows
from ingest.schema import Schema
from ingest.stream.chunks import BatchSettings, single_batches
from ingest.stream.fields import FieldSpec, make_schema
from ingest.stream.opening import StreamOptions, StreamRequest, Topics, check_options, open_stream
from ingest.stream.span import End, Start
from ingest.stream.state import StreamState
from ingest.stream.stream import Stream

__all__ = ["KafkaIterableDataset", "TorchOptions"]


class TorchOptions(StreamOptions, total=False):
    """Options of `KafkaIterableDataset`, those of `StreamOptions` among them.

    Attributes:
        label: name of the field to be predicted, when the schema is a mapping.
        weight: name of the field that weighs a row, when the schema is a mapping.
        drop_remainder: do not give the last rows when they are no whole batch.
        linger_s: give a batch that is not full after so long; None to wait.
        with_state: give the state after each batch with it.
    """

    label: str | None
    weight: str | None
    drop_remainder: bool
    linger_s: float | None
    with_state: bool


class KafkaIterableDataset(IterableDataset):  # type: ignore[misc]
    """Batches of tensors from Kafka's topics; for `DataLoader(dataset, batch_size=None)`.

    An element is (features, label, weight), without what the schema does not have: tensors [b] or
    [b, length]; a list of str or bytes for texts; a pair of values and offsets [b + 1] for ragged
    lists. The order is as that of `millstream.dataset`.

    Workers of a `DataLoader` share the partitions: worker w of n reads those whose number modulo n
    is w, so no record is read twice; more workers than partitions are idle.

    `state_dict` is that after the batch that this process gave last, as torchdata's
    StatefulDataLoader asks for it in each worker. A plain DataLoader reads ahead in its workers:
    there, `with_state` gives the state after each batch with the batch, and the last one of each
    worker, in one dictionary, is what `load_state_dict` takes.

    Args:
        topics: a name or several.
        bootstrap_servers: host:port, or several.
        schema: a `Schema`, or its fields by name.
        start: "earliest", "latest", or a `Position`.
        end: None for no end; "now" for the end of the topics as it is; or a `Position`.
        batch_size: rows of a batch; the last of a range may be short.
        shuffle: rows of a window that is shuffled by identity; None for the order of offsets.
        **options: see `TorchOptions`.

    Raises:
        SchemaError: the fields do not fit together.
        SettingsError: options do not fit together.
    """

    def __init__(
        self,
        topics: Topics,
        *,
        bootstrap_servers: str | Sequence[str],
        schema: Schema | Mapping[str, FieldSpec],
        start: Start = "earliest",
        end: End = None,
        batch_size: int = 256,
        shuffle: int | None = None,
        **options: Unpack[TorchOptions],
    ) -> None:
        super().__init__()
        check_options(options, TorchOptions)
        self._schema = make_schema(schema, options.get("label"), options.get("weight"))
        drop = options.get("drop_remainder", False)
        self._batches = BatchSettings(batch_size, drop, options.get("linger_s"))
        self._with_state = options.get("with_state", False)
        self._request = StreamRequest(
            topics=topics,
            bootstrap_servers=bootstrap_servers,
            schema=self._schema,
            start=start,
            end=end,
            shuffle=shuffle,
            whole=batch_size if drop else 1,
            options=options,
        )
        self._request.settings()
        self._loaded: dict[str, Any] = {}
        self._opened: Stream | None = None
        self._opener = 0
        self._given = (0, 0)

    def __iter__(self) -> Iterator[Any]:
        """Batches from where the dataset begins; the next epoch when all of the one before was."""
        stream = self._stream()
        run = stream.start_run()
        rows = run.rows()
        try:
            for batch, count in single_batches(rows, self._batches):
                self._given = (run.number, count)
                element = _element(self._schema, batch)
                yield (element, self.state_dict()) if self._with_state else element
        finally:
            rows.close()

    def state_dict(self) -> dict[str, Any]:
        """Where this process is: {number of the worker, "0" without workers: its state}."""
        return {str(_worker()[0]): self._stream().state().to_json()}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Let the next iterator, or each worker's, begin at a state.

        Raises:
            PositionError: it is no such state.
            SettingsError: it is of another dataset, or of another number of workers.
        """
        states = {name: StreamState.from_json(value) for name, value in state_dict.items()}
        self._loaded = {name: state.to_json() for name, state in states.items()}
        self._opened = None

    def __getstate__(self) -> dict[str, Any]:
        """What goes to a worker: not what this process has opened."""
        return {**self.__dict__, "_opened": None, "_given": (0, 0)}

    def _stream(self) -> Stream:
        """Opened once a process; what a forked worker has of its parent reads another share."""
        if self._opened is None or self._opener != os.getpid():
            worker, workers = _worker()
            index, of = self._request.options.get("share", (0, 1))
            share = (index + of * worker, of * workers)
            options: Any = {**self._request.options, "share": share}
            own = self._loaded.get(str(worker))
            start = self._request.start if own is None else StreamState.from_json(own)
            request = replace(self._request, options=options, start=start)
            self._given = (0, 0)
            self._opened = open_stream(request, lambda: self._given)
            self._opener = os.getpid()
        return self._opened


def _worker() -> tuple[int, int]:
    """The number of this worker and how many there are."""
    info = get_worker_info()
    return (0, 1) if info is None else (info.id, info.num_workers)


def _element(schema: Schema, rows: Rows) -> Any:
    tensors = {field.name: _tensor(field, rows.columns[field.name]) for field in schema.fields}
    features = {field.name: tensors[field.name] for field in schema.features}
    if not schema.has_label:
        return features
    if schema.weight is None:
        return features, tensors[schema.label.name]
    return features, tensors[schema.label.name], tensors[schema.weight.name]


def _tensor(field: Field, column: Column) -> Any:
    if not isinstance(column, Ragged):
        return torch.tensor(column)
    if field.is_text:
        texts = column.texts()
        return texts if field.dtype == "bytes" else [text.decode() for text in texts]
    return torch.tensor(column.values), torch.tensor(column.splits)
