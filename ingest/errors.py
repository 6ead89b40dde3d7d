"""What can go wrong in ingest, as one tree."""

from __future__ import annotations

__all__ = [
    "AugmentError",
    "BadRatioExceeded",
    "CorruptBatchError",
    "DeadLetterError",
    "IngestError",
    "MissingOffsets",
    "PositionError",
    "RecordBatchError",
    "RowsError",
    "SamplerError",
    "SchemaError",
    "SchemaRegistryError",
    "SettingsError",
    "SourceError",
    "StatisticsError",
]


class IngestError(Exception):
    """The root of all errors that ingest raises; its text is for people."""


class PositionError(IngestError):
    """A position would go back, name what is not there, or count a record twice."""


class RecordBatchError(IngestError):
    """The columns of a record batch do not fit together."""


class SchemaError(IngestError):
    """The fields of a schema are wrong or do not fit together."""


class SettingsError(IngestError):
    """A setting of ingest is outside its range."""


class AugmentError(IngestError):
    """An augmentation does not fit the rows that it is to change."""


class RowsError(IngestError):
    """Columns of rows do not fit together, or a file of rows is damaged."""


class SamplerError(IngestError):
    """Samples of different settings were merged, or a saved state is of another sampler."""


class StatisticsError(IngestError):
    """Statistics are asked for what they do not have, or are of another schema."""


class SourceError(IngestError):
    """Records cannot be read: the broker, the topic or an option is at fault."""


class SchemaRegistryError(IngestError):
    """The schema registry cannot be asked, or answers what it should not; no record's fault."""


class CorruptBatchError(SourceError):
    """The bytes of a record batch are not what Kafka's format says: damaged, or hostile."""


class MissingOffsets(SourceError):  # noqa: N818 - it states what happened
    """Records that should be read again are not in the topic any more."""


class DeadLetterError(IngestError):
    """A bad record could not be delivered to the dead-letter topic."""


class BadRatioExceeded(IngestError):  # noqa: N818 - as above
    """Too large a share of the records is bad to train on the rest."""
