"""A real MLflow server over a real PostgreSQL, artifacts passed through it, users told apart."""

from __future__ import annotations

import os
import pwd
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

__all__ = ["ADMIN", "ADMIN_PASSWORD", "MlflowServer", "Postgres", "find_postgres"]

ADMIN, ADMIN_PASSWORD = "admin", "the-admin-password"


def find_postgres() -> Path | None:
    """The folder of PostgreSQL's programs: Debian's newest, or the one on the path."""
    debian = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))
    found = str(debian[-1]) if debian else shutil.which("initdb")
    return Path(found).parent if found else None


def free_port() -> int:
    """A port that nobody listens on now."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return int(free.getsockname()[1])


class Postgres:
    """A PostgreSQL of its own in a temporary folder; a context manager. It refuses to be root."""

    def __init__(self, programs: Path) -> None:
        self.port = free_port()
        self._programs = programs
        self.password = secrets.token_hex(8)
        self._folder = Path(tempfile.mkdtemp(prefix="millstream-postgres-"))
        self._user: str | None = None

    @property
    def uri(self) -> str:
        """Its address, as SQLAlchemy takes it."""
        return f"postgresql+psycopg2://flights:{self.password}@127.0.0.1:{self.port}/postgres"

    def __enter__(self) -> Postgres:
        if os.getuid() == 0:
            self._user = "postgres" if has_user("postgres") else "nobody"
            os.chown(self._folder, pwd.getpwnam(self._user).pw_uid, -1)
        (self._folder / "password").write_text(self.password)
        self._run(
            "initdb", "-D", "data", "-U", "flights", "--pwfile=password", "-A", "scram-sha-256"
        )
        self.start()
        return self

    def __exit__(self, *error: object) -> None:
        self.stop()
        shutil.rmtree(self._folder)

    def start(self) -> None:
        """Start it and wait until it answers."""
        fast = "-c fsync=off -c full_page_writes=off"
        options = f"-h 127.0.0.1 -p {self.port} -k {self._folder} {fast}"
        self._run("pg_ctl", "-D", "data", "-l", "log", "-w", "-o", options, "start")

    def stop(self) -> None:
        """End it as a power cut would."""
        self._run("pg_ctl", "-D", "data", "-m", "immediate", "stop")

    def _run(self, program: str, *arguments: str) -> None:
        done = subprocess.run(
            [self._programs / program, *arguments],
            cwd=self._folder,
            user=self._user,
            env={"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if program == "initdb" else subprocess.DEVNULL,
            stderr=subprocess.STDOUT,
            check=False,
        )
        assert done.returncode == 0, done.stdout


def has_user(name: str) -> bool:
    """Whether the system knows a user."""
    try:
        pwd.getpwnam(name)
    except KeyError:
        return False
    return True


class MlflowServer:
    """MLflow's own server on a fixed port, which asks who one is; started and killed at will."""

    def __init__(self, store: str, folder: Path) -> None:
        self.port = free_port()
        self.folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._command = [sys.executable, "-m", "mlflow", "server", "--app-name", "basic-auth"]
        self._command += ["--host", "127.0.0.1", "--port", str(self.port), "--workers", "1"]
        self._command += ["--backend-store-uri", store, "--serve-artifacts"]
        self._command += ["--artifacts-destination", str(folder / "served")]
        (folder / "auth.ini").write_text(
            "[mlflow]\ndefault_permission = READ\n"
            f"database_uri = sqlite:///{folder}/users.db\n"
            f"admin_username = {ADMIN}\nadmin_password = {ADMIN_PASSWORD}\n"
            "authorization_function = mlflow.server.auth:authenticate_request_basic_auth\n"
            "auth_cache_ttl_seconds = 60\n"  # else each request costs a slow hash
        )

    @property
    def url(self) -> str:
        """Where it is, or will be again."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Start it and wait until it answers."""
        with (self.folder / "server.log").open("ab") as log:
            self._process = subprocess.Popen(
                self._command,
                stdout=log,
                stderr=log,
                cwd=self.folder,
                start_new_session=True,
                env={
                    **os.environ,
                    "MLFLOW_AUTH_CONFIG_PATH": str(self.folder / "auth.ini"),
                    "MLFLOW_FLASK_SERVER_SECRET_KEY": secrets.token_hex(8),
                    "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",
                },
            )
        wait_until(lambda: answers(f"{self.url}/health"), self._process)

    def kill(self) -> None:
        """End it as a power cut would; again is fine."""
        if self._process is not None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
            self._process = None


def wait_until(answered: Callable[[], bool], process: subprocess.Popen[bytes]) -> None:
    """Wait for a server that starts."""
    deadline = time.monotonic() + 120
    while not answered():
        assert process.poll() is None
        assert time.monotonic() < deadline
        time.sleep(0.1)


def answers(url: str) -> bool:
    """Whether somebody does."""
    try:
        urllib.request.urlopen(url, timeout=5).close()
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False
    return True
