"""Which error of ours an error of MLflow is: for later, for a person, or neither."""

from __future__ import annotations

from typing import Any

from registry.errors import StoreError, StoreRefused, StoreUnavailable

__all__ = ["foreign_errors", "is_foreign", "kind_of", "mend_of"]

# INTERNAL_ERROR is also what MLflow says of a connection that broke.
LATER = {
    "ABORTED",
    "CANCELLED",
    "DEADLINE_EXCEEDED",
    "INTERNAL_ERROR",
    "REQUEST_LIMIT_EXCEEDED",
    "RESOURCE_EXHAUSTED",
    "TEMPORARILY_UNAVAILABLE",
}
NOT_ALLOWED = {"CUSTOMER_UNAUTHORIZED", "PERMISSION_DENIED", "UNAUTHENTICATED"}
STORAGES = {"azure", "boto3", "botocore", "google", "s3transfer"}
"""Libraries of artifact storages that are asked without a server; MLflow passes their errors on."""


def is_foreign(error: Exception) -> bool:
    """Whether an error is of MLflow, its database, its artifacts or the network."""
    return isinstance(error, foreign_errors()) or is_of_storage(error)


def is_of_storage(error: Exception) -> bool:
    """Whether an error is of a library of an artifact storage."""
    return any(base.__module__.partition(".")[0] in STORAGES for base in type(error).__mro__)


def foreign_errors() -> tuple[type[Exception], ...]:
    """What MLflow, its database and its artifacts may raise; mlflow-skinny has no database."""
    from mlflow.exceptions import MlflowException

    try:
        from sqlalchemy.exc import SQLAlchemyError
    except ImportError:
        return (MlflowException, OSError, ImportError)
    return (MlflowException, OSError, ImportError, SQLAlchemyError)


def kind_of(error: Exception) -> type[StoreError]:
    """The class of our error for one of MLflow, of its database, or of the network."""
    from mlflow.exceptions import MlflowException

    if isinstance(error, MlflowException):
        return of_code(str(error.error_code))
    if isinstance(error, OSError):
        return of_network(error)
    return of_storage(error) if is_of_storage(error) else of_database(error)


def mend_of(kind: type[StoreError]) -> str:
    """What to do about an error of that class, to be put behind it."""
    if kind is not StoreRefused:
        return ""
    return (
        "; set MLFLOW_TRACKING_USERNAME and MLFLOW_TRACKING_PASSWORD, or MLFLOW_TRACKING_TOKEN, to"
        " those of a user who may do this"
    )


def of_code(code: str) -> type[StoreError]:
    """Of one of MLflow's own codes."""
    if code in NOT_ALLOWED:
        return StoreRefused
    return StoreUnavailable if code in LATER else StoreError


def of_network(error: OSError) -> type[StoreError]:
    """Of an artifact store's answer, a broken connection, or a file."""
    import requests

    if isinstance(error, requests.RequestException):
        return of_status(503 if error.response is None else error.response.status_code)
    is_network = isinstance(error, (ConnectionError, TimeoutError))
    return StoreUnavailable if is_network else StoreError


def of_status(status: int) -> type[StoreError]:
    """Of an answer by HTTP."""
    if status in (401, 403):
        return StoreRefused
    return StoreUnavailable if status >= 500 or status in (408, 429) else StoreError


def of_storage(error: Any) -> type[StoreError]:
    """Of what the libraries of S3, Azure and Google say; without an answer there was none."""
    told = getattr(error, "response", None)
    of_s3 = told.get("ResponseMetadata", {}).get("HTTPStatusCode") if isinstance(told, dict) else 0
    for status in (of_s3, getattr(error, "status_code", 0), getattr(error, "code", 0)):
        if isinstance(status, int) and status:
            return of_status(status)
    return StoreUnavailable


def of_database(error: Exception) -> type[StoreError]:
    """Of a database behind no server; also of a driver for it that is not installed."""
    if isinstance(error, ImportError):  # of a driver, or of all of SQL
        return StoreError
    from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError

    is_away = isinstance(error, (InterfaceError, OperationalError, TimeoutError))
    return StoreUnavailable if is_away else StoreError
