"""MLflow on this machine: its store in a SQLite file, and its server with the web page."""

from __future__ import annotations

import http.client
import socket
import sys
import time
from pathlib import Path
from types import TracebackType

from millstream.errors import StackError
from millstream.stack.mlflow_store import prepare_store
from millstream.stack.server_process import ServerProcess, excerpt

__all__ = ["MlflowServer", "prepare_store"]

PROGRAM = Path(__file__).with_name("serve_mlflow.py")
GRACE_S = 5.0
POLL_S = 0.05


class MlflowServer:
    """MLflow's server and web page on 127.0.0.1; a context manager.

    It ends with this process, also when that is killed with SIGKILL.
    """

    def __init__(
        self,
        tracking_uri: str,
        artifact_root: Path,
        *,
        port: int = 0,
        log_file: Path | None = None,
        start_timeout_s: float = 120.0,
    ) -> None:
        """Nothing is started yet.

        Args:
            tracking_uri: the store to serve, as `prepare_store` gives it.
            artifact_root: folder of the artifacts that clients upload through the server.
            port: to listen on; 0 takes a free one.
            log_file: replaced; mlflow.log beside the artifacts when None.
            start_timeout_s: seconds that a start may take.
        """
        self.artifact_root = Path(artifact_root).absolute()
        self.log_file = Path(log_file or self.artifact_root.parent / "mlflow.log").absolute()
        self._tracking_uri = tracking_uri
        self._port = port
        self._start_timeout_s = start_timeout_s
        self._process: ServerProcess | None = None

    @property
    def url(self) -> str:
        """The address, "http://127.0.0.1:PORT".

        Raises:
            StackError: it was never started.
        """
        if self._port == 0:
            raise StackError("the MLflow server has not been started")
        return f"http://127.0.0.1:{self._port}"

    @property
    def pid(self) -> int | None:
        """The server's process id, or None when it does not run."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether the server is alive."""
        return self._process is not None and self._process.running

    def start(self) -> None:
        """Start the server and wait until it is healthy; nothing happens when it runs already.

        Raises:
            StackError: the port is taken, or it does not start; then with from its log.
        """
        if self.running:
            return
        self.stop()
        self.artifact_root.mkdir(parents=True, exist_ok=True)
        self.log_file.parent.mkdir(parents=True, exist_ok=True)
        with _bound(self._port) as listener:
            self._port = listener.getsockname()[1]
            descriptor = listener.fileno()
            command = [sys.executable, "-P", str(PROGRAM), str(descriptor), self._tracking_uri]
            self._process = ServerProcess(
                [*command, str(self.artifact_root)],
                log_file=self.log_file,
                grace_s=GRACE_S,
                descriptors=(descriptor,),
            )
        self._wait()

    def stop(self) -> None:
        """End the server and wait until it is gone; again is fine."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def __enter__(self) -> MlflowServer:
        """Start it."""
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop it."""
        self.stop()

    def _wait(self) -> None:
        deadline = time.monotonic() + self._start_timeout_s
        while not self._healthy():
            ended = not self.running
            if ended or time.monotonic() > deadline:
                self.stop()
                what = "ended while it started" if ended else "did not start in time"
                raise StackError(
                    f"MLflow's server {what}; from {self.log_file}:\n{excerpt(self.log_file)}\n"
                    "or set registry.tracking_uri to a server that runs already"
                )
            time.sleep(POLL_S)

    def _healthy(self) -> bool:
        connection = http.client.HTTPConnection("127.0.0.1", self._port, timeout=5)
        try:
            connection.request("GET", "/health")
            return connection.getresponse().status == http.client.OK
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()


def _bound(port: int) -> socket.socket:
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind(("127.0.0.1", port))
    except OSError as error:
        listener.close()
        raise StackError(f"127.0.0.1:{port}: {error.strerror}; choose another port") from error
    return listener
