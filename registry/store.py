"""The border to MLflow: one client per tracking URI, and its errors in our words."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from registry.errors import StoreError, StoreUnavailable
from registry.store_errors import is_foreign, kind_of, mend_of
from registry.store_secrets import without_secrets
from registry.store_silence import knock

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Store", "asked_once"]

RETRIES = "MLFLOW_HTTP_REQUEST_MAX_RETRIES"
DEFAULTS = {
    "MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR": "false",
    "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    # MLflow's own are 7 and 120, which is a quarter of an hour for a server that hangs.
    RETRIES: "2",
    "MLFLOW_HTTP_REQUEST_TIMEOUT": "30",
}


class Store:
    """An MLflow tracking and registry store.

    Who it is asked by is up to MLflow's own variables: MLFLOW_TRACKING_USERNAME and
    MLFLOW_TRACKING_PASSWORD, MLFLOW_TRACKING_TOKEN, and those for TLS. How patient MLflow is, too;
    where they are not set, it gives up within some minutes.

    Args:
        tracking_uri: `sqlite:///...`, `http://...` or whatever MLflow takes.
    """

    def __init__(self, tracking_uri: str) -> None:
        self.tracking_uri = tracking_uri
        self._is_doubtful = True

    @property
    def client(self) -> MlflowClient:
        """The client, opened at the first use and kept.

        At the first use, and after a call that was not answered, it is first asked for a few
        seconds whether anybody is there.

        Raises:
            StoreUnavailable: nothing answers at the tracking URI.
            StoreError: it is no address.
        """
        if self._is_doubtful:
            for name, value in DEFAULTS.items():
                os.environ.setdefault(name, value)
            knock(self.tracking_uri, self.place)
            self._is_doubtful = False
        return self._opened

    @cached_property
    def _opened(self) -> MlflowClient:
        from mlflow import MlflowClient

        with self.translated("open the store"):
            return MlflowClient(self.tracking_uri, registry_uri=self.tracking_uri)

    @contextmanager
    def translated(self, doing: str) -> Iterator[None]:
        """Raise MLflow's errors as `StoreError`, with what was being done and where.

        Raises:
            StoreUnavailable: nobody answered in the block, or somebody asked to come back later.
            StoreRefused: we may not do this.
            StoreError: MLflow, its database or its artifacts failed in another way.
        """
        try:
            yield
        except StoreError:
            raise
        except Exception as e:
            if not is_foreign(e):
                raise
            kind = kind_of(e)
            self._is_doubtful = self._is_doubtful or kind is StoreUnavailable
            hidden = without_secrets(str(e), self.tracking_uri)
            told = first_line(hidden.partition(" Response body:")[0] or type(e).__name__)
            # MLflow may quote what is secret, which a traceback would show.
            has_secret = self.place != self.tracking_uri or hidden != str(e)
            cause = None if has_secret else e
            raise kind(f"cannot {doing} at {self.place}: {told}{mend_of(kind)}") from cause

    def read_artifact(self, run_id: str, path: str) -> bytes:
        """A file of a run; to be called within `translated`.

        Raises:
            StoreError: it is not there. A server that passes artifacts on says of such a file that
                it failed itself, as if asking again could help.
        """
        from mlflow.exceptions import MlflowException

        with tempfile.TemporaryDirectory(prefix="millstream-read-") as folder:
            try:
                return Path(self.client.download_artifacts(run_id, path, folder)).read_bytes()
            except (MlflowException, OSError):
                around = str(PurePosixPath(path).parent)
                there = {found.path for found in self.client.list_artifacts(run_id, around)}
                if path in there:
                    raise
                raise StoreError(
                    f"{path} of run {run_id} is not among the artifacts at {self.place} any more"
                ) from None

    @property
    def place(self) -> str:
        """The tracking URI without a password in it."""
        return without_secrets(self.tracking_uri, self.tracking_uri)


@contextmanager
def asked_once() -> Iterator[None]:
    """Keep MLflow from repeating the block's calls by itself.

    A call that makes something is not to be repeated when its answer was lost: what it made the
    first time may be there.
    """
    before = os.environ.get(RETRIES)
    os.environ[RETRIES] = "0"
    try:
        yield
    finally:
        if before is None:
            del os.environ[RETRIES]
        else:
            os.environ[RETRIES] = before


def first_line(text: str) -> str:
    """The telling start of an error's message, on one line."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return lines[0][:500] if lines else ""
