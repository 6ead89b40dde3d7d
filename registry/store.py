"""The border to MLflow: one client per tracking URI, and its errors in our words."""

from __future__ import annotations

import os
import re
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from registry.errors import StoreError

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Store"]

CONNECT_SECONDS = 5.0


class Store:
    """An MLflow tracking and registry store.

    Args:
        tracking_uri: `sqlite:///...`, `http://...` or whatever MLflow takes.
    """

    def __init__(self, tracking_uri: str) -> None:
        self.tracking_uri = tracking_uri

    @cached_property
    def client(self) -> MlflowClient:
        """The client, opened at the first use and kept.

        Raises:
            StoreError: nothing answers at the tracking URI.
        """
        self._knock()
        os.environ.setdefault("MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR", "false")
        from mlflow import MlflowClient

        with self.translated("open the store"):
            return MlflowClient(self.tracking_uri, registry_uri=self.tracking_uri)

    @contextmanager
    def translated(self, doing: str) -> Iterator[None]:
        """Raise MLflow's errors as `StoreError`, with what was being done and where.

        Raises:
            StoreError: MLflow, its database or the network failed in the block.
        """
        from mlflow.exceptions import MlflowException
        from sqlalchemy.exc import SQLAlchemyError

        try:
            yield
        except (MlflowException, SQLAlchemyError, OSError, ImportError) as e:
            told = first_line(self._without_password(str(e)) or type(e).__name__)
            # MLflow quotes the address with the password, which a traceback would show.
            cause = None if self._password else e
            raise StoreError(f"cannot {doing} at {self.place}: {told}") from cause

    @property
    def place(self) -> str:
        """The tracking URI without a password in it."""
        return self._without_password(self.tracking_uri)

    @property
    def _password(self) -> str:
        """What stands between the user's colon and the last @; it may have any character."""
        found = re.match(r"[^/]*//[^:/@]*:(.+)@", self.tracking_uri)
        return found[1] if found else ""

    def _without_password(self, text: str) -> str:
        return text.replace(f":{self._password}@", ":***@") if self._password else text

    def _knock(self) -> None:
        """MLflow itself retries for minutes before it says that nobody is there."""
        parts = urlsplit(self.tracking_uri)
        if parts.scheme not in ("http", "https") or not parts.hostname:
            return
        try:
            port = parts.port or (443 if parts.scheme == "https" else 80)
        except ValueError:
            raise StoreError(
                f"{self.place}: no address; write / and @ in a password as %2F and %40 in"
                " registry.tracking_uri"
            ) from None
        try:
            socket.create_connection((parts.hostname, port), CONNECT_SECONDS).close()
        except OSError as e:
            raise StoreError(
                f"no MLflow server answers at {self.place}: {e}; start it, or change "
                "registry.tracking_uri"
            ) from e


def first_line(text: str) -> str:
    """The telling start of an error's message, on one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:500] if lines else ""
