"""Which error of ours an error of MLflow is: for later, for a person, or neither."""

from __future__ import annotations

from registry.errors import StoreError, StoreRefused, StoreUnavailable

__all__ = ["foreign_errors", "kind_of", "mend_of"]

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
    return of_database(error)


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
        status = 503 if error.response is None else error.response.status_code
        if status in (401, 403):
            return StoreRefused
        return StoreUnavailable if status >= 500 or status in (408, 429) else StoreError
    is_network = isinstance(error, (ConnectionError, TimeoutError))
    return StoreUnavailable if is_network else StoreError


def of_database(error: Exception) -> type[StoreError]:
    """Of a database behind no server; also of a driver for it that is not installed."""
    if isinstance(error, ImportError):  # of a driver, or of all of SQL
        return StoreError
    from sqlalchemy.exc import InterfaceError, OperationalError, TimeoutError

    is_away = isinstance(error, (InterfaceError, OperationalError, TimeoutError))
    return StoreUnavailable if is_away else StoreError
