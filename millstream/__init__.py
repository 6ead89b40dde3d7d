"""Millstream: Kafka topics go in; a model that is always trained, and always small, comes out.

This is what users import. Every name is loaded when it is first used, so that importing millstream
costs nothing that is not needed.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ingest import (
        Augmentations,
        AvroDecoder,
        BadRecord,
        BottomK,
        Decoded,
        Decoder,
        ExampleDecoder,
        Field,
        JsonDecoder,
        KafkaDeadLetters,
        KafkaSource,
        PackedDecoder,
        Position,
        ProtobufDecoder,
        RawDecoder,
        RecordBatch,
        RegistrySettings,
        Rows,
        Schema,
        SchemaRegistry,
        Statistics,
        Step,
        StreamState,
        Unframed,
        decode_audio,
        decode_images,
        log_mel,
        make_augmentation,
        spectrogram,
        training_dataset,
    )
    from ingest.arrow import arrow
    from ingest.stream.dataset import dataset
    from millstream.config.config import Config, load_config
    from millstream.errors import ConfigError, MillstreamError
    from millstream.service import RunOptions, run_service
    from millstream.stack.kafka import EmbeddedKafka
    from registry import (
        LiteModel,
        LiteModelError,
        LoadedModel,
        ModelRegistry,
        ModelVersion,
        RegistryError,
        follow,
        load,
    )
    from trainer import (
        Evidence,
        ShardedDense,
        ShardedEmbedding,
        StreamNormalization,
        Verdict,
        virtual_devices,
    )

__all__ = [
    "Augmentations",
    "AvroDecoder",
    "BadRecord",
    "BottomK",
    "Config",
    "ConfigError",
    "Decoded",
    "Decoder",
    "EmbeddedKafka",
    "Evidence",
    "ExampleDecoder",
    "Field",
    "JsonDecoder",
    "KafkaDeadLetters",
    "KafkaSource",
    "LiteModel",
    "LiteModelError",
    "LoadedModel",
    "MillstreamError",
    "ModelRegistry",
    "ModelVersion",
    "PackedDecoder",
    "Position",
    "ProtobufDecoder",
    "RawDecoder",
    "RecordBatch",
    "RegistryError",
    "RegistrySettings",
    "Rows",
    "RunOptions",
    "Schema",
    "SchemaRegistry",
    "ShardedDense",
    "ShardedEmbedding",
    "Statistics",
    "Step",
    "StreamNormalization",
    "StreamState",
    "Unframed",
    "Verdict",
    "arrow",
    "dataset",
    "decode_audio",
    "decode_images",
    "follow",
    "load",
    "load_config",
    "log_mel",
    "make_augmentation",
    "run_service",
    "spectrogram",
    "training_dataset",
    "virtual_devices",
]

_HOMES = {
    "Config": "millstream.config.config",
    "ConfigError": "millstream.errors",
    "EmbeddedKafka": "millstream.stack.kafka",
    "Evidence": "trainer",
    "LiteModel": "registry",
    "LiteModelError": "registry",
    "LoadedModel": "registry",
    "MillstreamError": "millstream.errors",
    "ModelRegistry": "registry",
    "ModelVersion": "registry",
    "RegistryError": "registry",
    "RunOptions": "millstream.service",
    "ShardedDense": "trainer",
    "ShardedEmbedding": "trainer",
    "StreamNormalization": "trainer",
    "Verdict": "trainer",
    "arrow": "ingest.arrow",
    "dataset": "ingest.stream.dataset",
    "follow": "registry",
    "load": "registry",
    "load_config": "millstream.config.config",
    "run_service": "millstream.service",
    "virtual_devices": "trainer",
}


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'millstream' has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES.get(name, "ingest")), name)
