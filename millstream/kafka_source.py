"""Kafka's records as a source of MLflow datasets, for who has millstream installed.

MLflow finds both by the entry points of the package, when `mlflow.data` is imported; so nothing is
imported here that is not needed for that.
"""

# The annotations are not postponed: MLflow looks at that of what `from_kafka` returns.

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from mlflow.data.dataset import Dataset
from mlflow.data.dataset_source import DatasetSource

if TYPE_CHECKING:
    import pyarrow as pa

    from registry import KafkaData

__all__ = ["KafkaDataset", "KafkaDatasetSource", "from_kafka"]


class KafkaDatasetSource(DatasetSource):
    """Offset ranges of Kafka's topics. It has no address: `load` is told where the brokers are.

    Args:
        data: the ranges, and what is known of them.
    """

    def __init__(self, data: "KafkaData") -> None:
        self.data = data

    @staticmethod
    def _get_source_type() -> str:
        from registry.lineage import SOURCE_TYPE

        return SOURCE_TYPE

    def load(self, bootstrap_servers: str | None = None, **options: Any) -> "pa.RecordBatchReader":
        """The records, read from Kafka again, as Arrow record batches.

        Args:
            bootstrap_servers: host:port, or several with commas.
            **options: of `millstream.arrow`, such as `schema`; without one the columns are topic,
                partition, offset, timestamp, key and value.

        Raises:
            MillstreamError: no broker is named.
            ingest.SourceError: it cannot be reached, or does not have the topics or the offsets.
        """
        from ingest import Position
        from ingest.arrow import arrow
        from millstream.errors import MillstreamError

        if bootstrap_servers is None:
            raise MillstreamError(
                f"the records of {self.data.name}: expected the address of their brokers, got none;"
                ' call load(bootstrap_servers="HOST:PORT")'
            )
        ranges = self.data.ranges
        return arrow(
            sorted({part.topic for part in ranges}),
            bootstrap_servers=bootstrap_servers.split(","),
            start=Position.of((part.topic, part.partition, part.start) for part in ranges),
            end=Position.of((part.topic, part.partition, part.end) for part in ranges),
            **options,
        )

    @staticmethod
    def _can_resolve(raw_source: Any) -> bool:
        from registry import KafkaData

        if isinstance(raw_source, Mapping):
            return str(raw_source.get("format", "")).startswith("millstream.kafka/")
        return isinstance(raw_source, KafkaData)

    @classmethod
    def _resolve(cls, raw_source: Any) -> "KafkaDatasetSource":
        return cls.from_dict(raw_source) if isinstance(raw_source, Mapping) else cls(raw_source)

    def to_dict(self) -> dict[str, Any]:
        """A plain form; it has no address and no secret."""
        return self.data.to_json()

    @classmethod
    def from_dict(cls, source_dict: Mapping[Any, Any]) -> "KafkaDatasetSource":
        """The inverse of `to_dict`.

        Raises:
            registry.PublicationError: it is not of that form.
        """
        from registry import KafkaData

        return cls(KafkaData.from_json(source_dict))


class KafkaDataset(Dataset):
    """Records of Kafka as an input of a run, for `mlflow.log_input`."""

    source: KafkaDatasetSource

    def _compute_digest(self) -> str:
        return self.source.data.digest

    @property
    def profile(self) -> dict[str, int]:
        """How many offsets there are."""
        return {"num_rows": sum(part.end - part.start for part in self.source.data.ranges)}

    @property
    def schema(self) -> None:
        """None: the records are bytes."""
        return None

    def to_dict(self) -> dict[str, str]:
        """Strings by name, as MLflow stores them."""
        import json

        return {**super().to_dict(), "profile": json.dumps(self.profile)}


def from_kafka(
    ranges: Mapping[str, Mapping[int, tuple[int, int]]],
    cluster_id: str | None = None,
    name: str | None = None,
    digest: str | None = None,
) -> KafkaDataset:
    """A dataset of offset ranges; `mlflow.data.from_kafka` is this.

    Args:
        ranges: topic -> partition -> (first offset, offset after the last).
        cluster_id: Kafka's name for the cluster.
        name: the topics, by default.
        digest: made of the ranges, by default.
    """
    from registry import KafkaData, KafkaRange

    parts = [
        KafkaRange(topic, int(partition), start, end)
        for topic, partitions in ranges.items()
        for partition, (start, end) in partitions.items()
    ]
    data = KafkaData(tuple(parts), cluster_id=cluster_id)
    return KafkaDataset(KafkaDatasetSource(data), name or data.name, digest)
