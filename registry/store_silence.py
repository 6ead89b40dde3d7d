"""Whether anybody answers at a tracking URI, found out in seconds.

MLflow repeats a call for minutes before it says that nobody is there, waits a minute or more for a
server that takes a connection and then says nothing, and asks a database that refuses it again and
again for a minute and a half.
"""

from __future__ import annotations

import socket
from contextlib import suppress
from urllib.parse import SplitResult, urlsplit
from urllib.request import getproxies, proxy_bypass

from registry.errors import StoreError, StoreUnavailable
from registry.store_secrets import without_secrets

__all__ = ["knock"]

MOST_SECONDS = 5.0
PORTS = {"http": 80, "https": 443, "postgresql": 5432, "mysql": 3306, "mssql": 1433}


def knock(uri: str, place: str) -> None:
    """Return if somebody answers, or if that is not known.

    Args:
        uri: of the store; one without a host is not asked.
        place: the same for people.

    Raises:
        StoreUnavailable: nobody does.
        StoreError: it is no address.
    """
    parts = urlsplit(uri)
    scheme = parts.scheme.partition("+")[0]
    if scheme not in PORTS or not parts.hostname:
        return
    try:
        port = parts.port or PORTS[scheme]
    except ValueError:
        raise StoreError(
            f"{place}: no address; write / and @ in a password as %2F and %40 in"
            " registry.tracking_uri"
        ) from None
    what = "MLflow server" if scheme in ("http", "https") else "database"
    try:
        if not is_behind_proxy(parts):
            socket.create_connection((parts.hostname, port), MOST_SECONDS).close()
        told = ask_health(uri) if scheme in ("http", "https") else ask_database(uri, place)
    except OSError as e:
        told = str(e)
    if told:
        raise StoreUnavailable(
            f"no {what} answers at {place}: {told}; start it, or change registry.tracking_uri"
        )


def is_behind_proxy(parts: SplitResult) -> bool:
    """Whether the environment has a proxy for the address, which is then the one to connect to."""
    host = parts.hostname or ""
    return parts.scheme in getproxies() and not proxy_bypass(host)


def ask_database(uri: str, place: str) -> str:
    """Why the database at an address is no use now; empty if it lets us in.

    Raises:
        StoreError: there is no driver for it.
    """
    from sqlalchemy import create_engine
    from sqlalchemy.exc import SQLAlchemyError

    try:
        engine = create_engine(uri)
        try:
            engine.connect().close()
        finally:
            engine.dispose()
    except SQLAlchemyError as e:
        return " ".join(without_secrets(str(e), uri).partition("\n(Background")[0].split())
    except ImportError as e:
        raise StoreError(
            f"{place}: {e}; install the database's driver, and name it in registry.tracking_uri, as"
            " in postgresql+psycopg2://"
        ) from None
    return ""


def ask_health(uri: str) -> str:
    """Why the server at an address is no use now; empty if it says anything else.

    It is asked as MLflow asks, with its own settings for proxies and TLS.
    """
    from mlflow.exceptions import MlflowException
    from mlflow.utils.credentials import get_default_host_creds
    from mlflow.utils.rest_utils import http_request

    with suppress(MlflowException):
        answer = http_request(  # type: ignore[no-untyped-call]
            get_default_host_creds(uri),  # type: ignore[no-untyped-call]
            "/health",
            "GET",
            max_retries=0,
            timeout=MOST_SECONDS,
            raise_on_status=False,
            retry_codes=frozenset(),
        )
        status = answer.status_code
        return f"it says {status} {answer.reason}" if status >= 500 or status == 429 else ""
    return f"it says nothing within {MOST_SECONDS:.0f} s, or ends the connection"
