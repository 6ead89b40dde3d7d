"""Ingest: from Kafka's records to fair samples and training batches.

Reads record batches from positions that the caller owns, decodes them into columns, sends what is
bad to a dead-letter topic, holds out and samples by identity, and hands windows to whoever trains.
Importing it does not import TensorFlow.
"""

from ingest.augment.audio.spectrogram import log_mel, spectrogram
from ingest.augment.catalogue import make_augmentation
from ingest.augment.pipeline import Augmentations, Step
from ingest.checks import check_decoder, check_source
from ingest.dataset import steps_per_epoch, training_dataset
from ingest.dead_letters import DeadLetters, NoDeadLetters
from ingest.distributed.dataset import shared_dataset
from ingest.distributed.roster import Roster
from ingest.distributed.statistics import update_together
from ingest.distributed.window import agree_on_window
from ingest.distributed.words import grow_together
from ingest.distributed.workers import Workers, gather_arrays
from ingest.errors import (
    AugmentError,
    BadRatioExceeded,
    CorruptBatchError,
    DeadLetterError,
    IngestError,
    MissingOffsets,
    PositionError,
    RecordBatchError,
    RowsError,
    SamplerError,
    SchemaError,
    SchemaRegistryError,
    SettingsError,
    SourceError,
    StatisticsError,
)
from ingest.event_times import EventTimes
from ingest.field import Field
from ingest.formats.avro.decoder import AvroDecoder
from ingest.formats.confluent.frame import Unframed
from ingest.formats.confluent.registry import RegistrySettings, SchemaRegistry
from ingest.formats.decoder import BadRecord, Decoded, Decoder
from ingest.formats.example.decoder import ExampleDecoder
from ingest.formats.json.decoder import JsonDecoder
from ingest.formats.packed.decoder import PackedDecoder
from ingest.formats.protobuf.decoder import ProtobufDecoder
from ingest.formats.raw.decoder import RawDecoder
from ingest.history import History, HistoryState, Segments
from ingest.identity import hash64, unit
from ingest.intake import Intake
from ingest.intake_facts import IntakeSeconds, IntakeTotals
from ingest.kafka.dead_letters import KafkaDeadLetters
from ingest.kafka.delivered import end_of_topics
from ingest.kafka.group_commit import GroupCommitter
from ingest.kafka.source import KafkaSource
from ingest.media import decode_audio, decode_images
from ingest.position import Gap, OffsetRange, Position
from ingest.read_window import read_window
from ingest.records import RecordBatch
from ingest.rows import Rows
from ingest.sampling import (
    Allocation,
    Balanced,
    BottomK,
    Recent,
    Sampler,
    SamplerState,
    Stratified,
    Uniform,
    Weighted,
    Weighting,
)
from ingest.sampling.checks import (
    check_sampler,
    check_sampler_uniform,
    check_sampler_weights,
)
from ingest.sampling.importance import select_important
from ingest.sampling.selection import Selection
from ingest.schema import Schema
from ingest.source import Source
from ingest.split import TEST, TRAIN, VALIDATION, split
from ingest.statistics import Statistics
from ingest.stream.state import StreamState
from ingest.vocabulary import Vocabularies
from ingest.window import Counts, PastSettings, SamplePolicy, SampleSettings, Window
from ingest.window_builder import WindowBuilder

__all__ = [
    "TEST",
    "TRAIN",
    "VALIDATION",
    "Allocation",
    "AugmentError",
    "Augmentations",
    "AvroDecoder",
    "BadRatioExceeded",
    "BadRecord",
    "Balanced",
    "BottomK",
    "CorruptBatchError",
    "Counts",
    "DeadLetterError",
    "DeadLetters",
    "Decoded",
    "Decoder",
    "EventTimes",
    "ExampleDecoder",
    "Field",
    "Gap",
    "GroupCommitter",
    "History",
    "HistoryState",
    "IngestError",
    "Intake",
    "IntakeSeconds",
    "IntakeTotals",
    "JsonDecoder",
    "KafkaDeadLetters",
    "KafkaSource",
    "MissingOffsets",
    "NoDeadLetters",
    "OffsetRange",
    "PackedDecoder",
    "PastSettings",
    "Position",
    "PositionError",
    "ProtobufDecoder",
    "RawDecoder",
    "Recent",
    "RecordBatch",
    "RecordBatchError",
    "RegistrySettings",
    "Roster",
    "Rows",
    "RowsError",
    "SamplePolicy",
    "SampleSettings",
    "Sampler",
    "SamplerError",
    "SamplerState",
    "Schema",
    "SchemaError",
    "SchemaRegistry",
    "SchemaRegistryError",
    "Segments",
    "Selection",
    "SettingsError",
    "Source",
    "SourceError",
    "Statistics",
    "StatisticsError",
    "Step",
    "Stratified",
    "StreamState",
    "Unframed",
    "Uniform",
    "Vocabularies",
    "Weighted",
    "Weighting",
    "Window",
    "WindowBuilder",
    "Workers",
    "agree_on_window",
    "check_decoder",
    "check_sampler",
    "check_sampler_uniform",
    "check_sampler_weights",
    "check_source",
    "decode_audio",
    "decode_images",
    "end_of_topics",
    "gather_arrays",
    "grow_together",
    "hash64",
    "log_mel",
    "make_augmentation",
    "read_window",
    "select_important",
    "shared_dataset",
    "spectrogram",
    "split",
    "steps_per_epoch",
    "training_dataset",
    "unit",
    "update_together",
]
