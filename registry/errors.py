"""The errors of the registry: one tree, so that a caller can catch all of it or one part.

RegistryError
├── ExportError
├── LiteModelError
├── CompressionError
│   ├── RungError
│   └── QuantizerError
│       ├── QuantizerCrashed
│       └── QuantizerTimeout
├── PublicationError
├── StoreError
│   ├── StoreRefused
│   └── StoreUnavailable
├── VersionNotFound
└── PullError
"""

from __future__ import annotations

__all__ = [
    "CompressionError",
    "ExportError",
    "LiteModelError",
    "PublicationError",
    "PullError",
    "QuantizerCrashed",
    "QuantizerError",
    "QuantizerTimeout",
    "RegistryError",
    "RungError",
    "StoreError",
    "StoreRefused",
    "StoreUnavailable",
    "VersionNotFound",
]


class RegistryError(Exception):
    """Anything that the registry can raise."""


class ExportError(RegistryError):
    """A Keras model's inputs, outputs or operations do not allow a LiteRT model."""


class LiteModelError(RegistryError):
    """LiteRT bytes cannot be used, or the features given do not fit their inputs."""


class CompressionError(RegistryError):
    """A rung of the compression ladder failed. The ladder goes on without it."""


class RungError(CompressionError):
    """A rung does not apply to this model, or did not do what it claims."""


class QuantizerError(CompressionError):
    """The quantizer refused the model."""


class QuantizerCrashed(QuantizerError):  # noqa: N818 - reads as what happened
    """The quantizer's process died. The next model gets a new process."""


class QuantizerTimeout(QuantizerError):  # noqa: N818 - reads as what happened
    """The quantizer did not answer in its time, and its process was killed."""


class PublicationError(RegistryError):
    """A publication contradicts itself, such as a model input that the schema does not have."""


class StoreError(RegistryError):
    """MLflow cannot be reached, or refused a call. The message names the tracking URI."""


class StoreRefused(StoreError):  # noqa: N818 - reads as what happened
    """MLflow does not let us do this. A person has to mend it; asking again does not help."""


class StoreUnavailable(StoreError):  # noqa: N818 - reads as what happened
    """MLflow does not answer, or cannot now. Asking again later may help."""


class VersionNotFound(RegistryError):  # noqa: N818 - reads as what happened
    """No such model, alias or version, or the reference to it cannot be read."""


class PullError(RegistryError):
    """A version cannot be written where it should be, or what came is not what was published."""
