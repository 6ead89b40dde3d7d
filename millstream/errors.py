"""What can go wrong outside the three rooms, and the exit code each one ends the process with."""

from __future__ import annotations

from typing import ClassVar

__all__ = [
    "BusyError",
    "ConfigError",
    "MillstreamError",
    "NoProgressError",
    "NotRunningError",
    "ObjectStoreError",
    "ReplayError",
    "RoundStoreError",
    "StackError",
    "UsageError",
    "WorkersError",
]


class MillstreamError(Exception):
    """Root of the composer's errors; `exit_code` is what the command line returns for it."""

    exit_code: ClassVar[int] = 1


class ConfigError(MillstreamError):
    """The configuration (millstream.toml or the model file) cannot be used; one line per fault."""

    exit_code = 2


class UsageError(MillstreamError):
    """A command was called with arguments that do not fit together."""

    exit_code = 2


class StackError(MillstreamError):
    """The embedded Kafka or the local MLflow could not be started or was lost."""

    exit_code = 4


class ObjectStoreError(MillstreamError):
    """The object store that keeps the state does not answer, or refuses."""

    exit_code = 4


class BusyError(MillstreamError):
    """Another process holds the state folder."""

    exit_code = 5


class RoundStoreError(MillstreamError):
    """The state folder holds something that this configuration must not continue from."""

    exit_code = 6


class NoProgressError(MillstreamError):
    """Round after round could not be trained."""


class WorkersError(MillstreamError):
    """Worker processes end again and again, or do not agree."""


class NotRunningError(MillstreamError):
    """A command needs a running service, and there is none."""


class ReplayError(MillstreamError):
    """A round cannot be replayed, or its replay gave other weights."""

    exit_code = 7
