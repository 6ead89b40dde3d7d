"""Which records of Kafka a version learned from, as an MLflow dataset that its run shows as input.

The dataset's source is plain JSON of the type `kafka`; there is no address and no secret in it. Who
has millstream installed gets a `KafkaDatasetSource` of it by `mlflow.data.get_source`, as the entry
point `mlflow.dataset_source` names that class.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from registry.errors import PublicationError

if TYPE_CHECKING:
    from mlflow import MlflowClient
    from mlflow.entities import DatasetInput

__all__ = ["SOURCE_TYPE", "KafkaData", "KafkaRange", "dataset_input", "log_records"]

SOURCE_TYPE = "kafka"
FORMAT = "millstream.kafka/1"
CONTEXT_TAG = "mlflow.data.context"
LONGEST_NAME = 500  # characters that MLflow takes
LONGEST_SOURCE = 65_535
COLUMN_TYPES = {
    "float32": "float",
    "float64": "double",
    "int32": "integer",
    "int64": "long",
    "bool": "boolean",
    "category": "string",
    "string": "string",
    "bytes": "binary",
    "timestamp": "datetime",
}


@dataclass(frozen=True)
class KafkaRange:
    """The offsets `[start, end)` of one partition."""

    topic: str
    partition: int
    start: int
    end: int


@dataclass(frozen=True)
class KafkaData:
    """Some records of Kafka.

    Attributes:
        ranges: their offsets, one range for each partition.
        gaps: parts of the ranges that the broker had deleted before they were read.
        cluster_id: Kafka's name for the cluster; None if it is not known.
        schema: fingerprint of the schema that they were read by; None for none.
        first_ms: smallest timestamp of a record, milliseconds; None if none has one.
        last_ms: largest.
        fields: the schema's, plain, for the columns that MLflow shows.
        counts: numbers to show beside them, such as records and bad ones.
    """

    ranges: tuple[KafkaRange, ...]
    gaps: tuple[KafkaRange, ...] = ()
    cluster_id: str | None = None
    schema: str | None = None
    first_ms: int | None = None
    last_ms: int | None = None
    fields: Sequence[Mapping[str, Any]] = field(default=(), compare=False)
    counts: Mapping[str, int] = field(default_factory=dict, compare=False)

    @property
    def name(self) -> str:
        """The topics, for MLflow."""
        return ",".join(sorted({part.topic for part in self.ranges}))[:LONGEST_NAME]

    @property
    def digest(self) -> str:
        """16 characters that are the same for the same records of the same cluster."""
        return hashlib.sha256(json.dumps(self.to_json()).encode()).hexdigest()[:16]

    def to_json(self) -> dict[str, Any]:
        """A plain form of what identifies the records."""
        return {
            "format": FORMAT,
            "cluster_id": self.cluster_id,
            "topics": nested(self.ranges),
            "gaps": nested(self.gaps),
            "schema": self.schema,
            "first_timestamp": self.first_ms,
            "last_timestamp": self.last_ms,
        }

    @classmethod
    def from_json(cls, value: Mapping[str, Any]) -> KafkaData:
        """The inverse of `to_json`.

        Raises:
            PublicationError: it is not of that form.
        """
        try:
            if value["format"] != FORMAT:
                raise PublicationError(
                    f"Kafka's records: expected format {FORMAT}, got {value['format']!r}"
                )
            return cls(
                ranges=flat(value["topics"]),
                gaps=flat(value.get("gaps", {})),
                cluster_id=value.get("cluster_id"),
                schema=value.get("schema"),
                first_ms=value.get("first_timestamp"),
                last_ms=value.get("last_timestamp"),
            )
        except (KeyError, TypeError, ValueError, AttributeError) as e:
            raise PublicationError(f"Kafka's records: expected ranges, got {value!r:.200}") from e


def nested(ranges: Iterable[KafkaRange]) -> dict[str, dict[str, list[list[int]]]]:
    """Ranges by topic and partition, sorted: `{"flights": {"0": [[0, 1234]]}}`."""
    found: dict[str, dict[str, list[list[int]]]] = {}
    for part in sorted(ranges, key=lambda r: (r.topic, r.partition, r.start)):
        topic = found.setdefault(part.topic, {})
        topic.setdefault(str(part.partition), []).append([part.start, part.end])
    return found


def flat(topics: Mapping[str, Mapping[str, Sequence[Sequence[int]]]]) -> tuple[KafkaRange, ...]:
    """The inverse of `nested`."""
    return tuple(
        KafkaRange(topic, int(partition), int(start), int(end))
        for topic, partitions in topics.items()
        for partition, ranges in partitions.items()
        for start, end in ranges
    )


def log_records(client: MlflowClient, run_id: str, records: KafkaData | None) -> None:
    """Show records as the input of a run; doing it again changes nothing.

    Of so many partitions that MLflow does not take the ranges there is no input: it would say that
    these are all. The tags of run and version have them.
    """
    found = None if records is None else dataset_input(records)
    if found is not None:
        client.log_inputs(run_id, [found])


def dataset_input(records: KafkaData) -> DatasetInput | None:
    """Records as an input of a run in the context "training"; None if they are too long for MLflow.

    If only the gaps make them too long, those are left out.
    """
    from mlflow.entities import Dataset, DatasetInput, InputTag

    source = json.dumps(records.to_json())
    if len(source) > LONGEST_SOURCE:
        source = json.dumps({**records.to_json(), "gaps": {}})
    if len(source) > LONGEST_SOURCE:
        return None
    dataset = Dataset(
        name=records.name,
        digest=records.digest,
        source_type=SOURCE_TYPE,
        source=source,
        schema=told_columns(records.fields),
        profile=json.dumps(dict(records.counts)),
    )
    return DatasetInput(dataset, [InputTag(CONTEXT_TAG, "training")])


def told_columns(fields: Sequence[Mapping[str, Any]]) -> str | None:
    """The fields of a schema as columns, in the form that MLflow stores; None for no fields."""
    from mlflow.types.schema import AnyType, Array, ColSpec, Schema, TensorSpec

    columns: list[ColSpec | TensorSpec] = []
    for item in fields:
        kind: Any = COLUMN_TYPES.get(item["dtype"]) or AnyType()  # type: ignore[no-untyped-call]
        if item.get("length"):
            kind = Array(kind)
        columns.append(ColSpec(kind, item["name"], required=item.get("default") is None))
    return json.dumps({"mlflow_colspec": Schema(columns).to_dict()}) if columns else None
