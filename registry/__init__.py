"""The registry: export, compression, and versions in MLflow that anyone can pull.

A model leaves Keras once, as float32 LiteRT bytes. Everything after that is about bytes: they are
made smaller, scored, gated and shipped. Importing this package imports neither TensorFlow nor
MLflow; reading and pulling versions never needs TensorFlow.
"""

from registry.artifact import Artifact, SkippedRung
from registry.checks import check_rung
from registry.compress import (
    Examples,
    LadderSettings,
    Quantizer,
    Rung,
    Subject,
    default_quantizer,
    ladder,
)
from registry.errors import (
    CompressionError,
    ExportError,
    LiteModelError,
    PublicationError,
    PullError,
    QuantizerCrashed,
    QuantizerError,
    QuantizerTimeout,
    RegistryError,
    RungError,
    StoreError,
    StoreRefused,
    StoreUnavailable,
    VersionNotFound,
)
from registry.export import export_float32, named_inputs
from registry.flatbuffer import Weight, op_names, tensor_dtypes, weights
from registry.following import follow
from registry.journal import Promotion
from registry.keras_file import KerasFile, make_keras_file
from registry.lineage import KafkaData, KafkaRange
from registry.litert import LiteModel
from registry.loading import LoadedModel, load
from registry.mlflow_registry import ModelRegistry
from registry.prune import Pruning
from registry.publication import ModelVersion, Publication
from registry.reexport import export_again, rehearse_export
from registry.reference import Reference
from registry.tracking import ServiceRun, TrackedRound, metric_name

__all__ = [
    "Artifact",
    "CompressionError",
    "Examples",
    "ExportError",
    "KafkaData",
    "KafkaRange",
    "KerasFile",
    "LadderSettings",
    "LiteModel",
    "LiteModelError",
    "LoadedModel",
    "ModelRegistry",
    "ModelVersion",
    "Promotion",
    "Pruning",
    "Publication",
    "PublicationError",
    "PullError",
    "Quantizer",
    "QuantizerCrashed",
    "QuantizerError",
    "QuantizerTimeout",
    "Reference",
    "RegistryError",
    "Rung",
    "RungError",
    "ServiceRun",
    "SkippedRung",
    "StoreError",
    "StoreRefused",
    "StoreUnavailable",
    "Subject",
    "TrackedRound",
    "VersionNotFound",
    "Weight",
    "check_rung",
    "default_quantizer",
    "export_again",
    "export_float32",
    "follow",
    "ladder",
    "load",
    "make_keras_file",
    "metric_name",
    "named_inputs",
    "op_names",
    "rehearse_export",
    "tensor_dtypes",
    "weights",
]
