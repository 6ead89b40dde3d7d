"""A real Apache Kafka on this machine, for tests, notebooks and people without a cluster."""

from __future__ import annotations

import base64
import subprocess
import time
import uuid
from collections.abc import Mapping
from pathlib import Path
from types import TracebackType
from typing import IO

from millstream.durable import make_folder, read_json, write_json
from millstream.errors import StackError
from millstream.stack.aot_cache import aot_flags
from millstream.stack.broker_settings import broker_properties
from millstream.stack.cache import cache_folder
from millstream.stack.data_lock import hold_folder
from millstream.stack.jars import KAFKA
from millstream.stack.java import find_java
from millstream.stack.maven import WAYS_OUT, kafka_libraries
from millstream.stack.ports import choose_ports
from millstream.stack.practice import practise
from millstream.stack.server_process import ServerProcess, excerpt

__all__ = ["EmbeddedKafka", "run_once"]

GRACE_S = 10.0
PRACTICE_TIMEOUT_S = 180.0
POLL_S = 0.02
BIND_ATTEMPTS = 5
LOGGING = Path(__file__).with_name("log4j2.properties")
STARTED = b"Kafka Server started"
PORT_TAKEN = ("Address already in use", "BindException")


class EmbeddedKafka:
    """A broker (KRaft, one node) on a data folder; a context manager.

    It listens on this machine only, keeps records, offsets, cluster id and, while they are free,
    ports across restarts, and ends with this process, also when that is killed with SIGKILL. The
    first use ever downloads Kafka (45 MB) into a cache, and runs a broker for some seconds so that
    all others start faster; no Java needs to be installed.
    """

    def __init__(
        self,
        data_dir: Path,
        *,
        partitions: int = 1,
        host: str = "127.0.0.1",
        heap: str = "512m",
        overrides: Mapping[str, object] | None = None,
        start_timeout_s: float = 60.0,
        lock: Path = KAFKA,
    ) -> None:
        """Nothing is started or written yet.

        Args:
            data_dir: everything the broker writes; made when it is not there.
            partitions: of a topic that is created without saying.
            host: that it listens on.
            heap: Java's -Xmx.
            overrides: Kafka's own broker settings.
            start_timeout_s: seconds that a start may take, without a download.
            lock: the file that pins the jars: `KAFKA`, or `KAFKA_3` of `stack.jars`.
        """
        self.data_dir = Path(data_dir).absolute()
        self.host = host
        self.log_file = self.data_dir / "kafka.log"
        self._partitions = partitions
        self._heap = heap
        self._overrides = dict(overrides or {})
        self._start_timeout_s = start_timeout_s
        self._lock = lock
        self._practice = ""
        self._ports: tuple[int, ...] = ()
        self._process: ServerProcess | None = None

    @property
    def bootstrap_servers(self) -> str:
        """The address for clients, "127.0.0.1:PORT".

        Raises:
            StackError: it was never started.
        """
        if not self._ports:
            raise StackError(f"{self.data_dir}: the broker has not been started")
        return f"{self.host}:{self._ports[0]}"

    @property
    def pid(self) -> int | None:
        """The broker's process id, or None when it does not run."""
        return self._process.pid if self._process is not None and self.running else None

    @property
    def keeper_pid(self) -> int | None:
        """The process id of the process that ends the broker when we end."""
        return self._process.keeper_pid if self._process is not None and self.running else None

    @property
    def running(self) -> bool:
        """Whether the broker is alive."""
        return self._process is not None and self._process.running

    @property
    def cluster_id(self) -> str:
        """Kafka's id of this cluster; it stays the same as long as the data folder lives.

        Raises:
            StackError: it was never started.
        """
        path = self.data_dir / "data" / "meta.properties"
        if not path.exists():
            raise StackError(f"{self.data_dir}: the broker has not been started")
        pairs = (line.partition("=") for line in path.read_text(encoding="utf-8").splitlines())
        return next(value for key, _, value in pairs if key == "cluster.id")

    def start(self) -> None:
        """Start the broker and wait until it serves; nothing happens when it runs already.

        Raises:
            StackError: another broker holds the folder, Kafka cannot be had, or it does not start;
                then with from its log.
        """
        if self.running:
            return
        self.stop()
        java = self._java()
        make_folder(self.data_dir)
        with hold_folder(self.data_dir, GRACE_S + 5.0) as lock:
            self._start(java, lock)

    def stop(self) -> None:
        """Shut the broker down cleanly and wait until it is gone; again is fine."""
        if self._process is not None:
            self._process.stop()
            self._process = None

    def __enter__(self) -> EmbeddedKafka:
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

    def create_topic(self, name: str, partitions: int = 1, **settings: object) -> None:
        """Create a topic on the running broker.

        Args:
            name: of the topic.
            partitions: how many.
            settings: Kafka's topic settings, with _ for the dots: retention_ms=1000.

        Raises:
            StackError: Kafka refuses it, for example because the topic is there already.
        """
        from kafka.admin import KafkaAdminClient, NewTopic
        from kafka.errors import KafkaError

        configs = {key.replace("_", "."): str(value) for key, value in settings.items()}
        admin = KafkaAdminClient(bootstrap_servers=self.bootstrap_servers)
        try:
            admin.create_topics([NewTopic(name, partitions, 1, topic_configs=configs)])
        except KafkaError as error:
            raise StackError(f"topic {name} could not be created: {error}") from error
        finally:
            admin.close()

    def _java(self) -> list[str]:
        """The command up to the name of the class to run."""
        program, libraries = find_java(), kafka_libraries(self._lock)
        flags = ["-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Djava.awt.headless=true"]
        flags += [f"-Xmx{self._heap}", f"-Dlog4j2.configurationFile={LOGGING}"]
        downloaded = self._lock == KAFKA and libraries.parent == cache_folder()
        if downloaded and not self._practice:
            flags += aot_flags(program, libraries, run_once)
        return [str(program), *flags, "-cp", f"{libraries}/*"]

    def _start(self, java: list[str], lock: IO[str]) -> None:
        if self.log_file.exists():
            self.log_file.replace(self.log_file.with_suffix(".log.1"))
        remembered = self.data_dir / "ports.json"
        preferred = tuple(read_json(remembered)) if remembered.exists() else ()
        for _ in range(BIND_ATTEMPTS):
            self._ports = choose_ports(self.host, 2, preferred)
            self._configure(java)
            practice = [self._practice] if self._practice else []
            command = [*java, *practice, "kafka.Kafka", "server.properties"]
            self._process = ServerProcess(
                command, log_file=self.log_file, grace_s=GRACE_S, descriptors=(lock.fileno(),)
            )
            if self._serves():
                write_json(remembered, list(self._ports), durable=False)
                return
            self.stop()
            preferred = ()
            said = excerpt(self.log_file)
            if not any(sign in said for sign in PORT_TAKEN):
                break
        raise StackError(f"Kafka ended while it started; from {self.log_file}:\n{said}")

    def _configure(self, java: list[str]) -> None:
        text = broker_properties(self.host, self._ports, self._partitions, self._overrides)
        (self.data_dir / "server.properties").write_text(text, encoding="utf-8")
        if (self.data_dir / "data" / "meta.properties").exists():
            return
        cluster = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        command = [*java, "kafka.tools.StorageTool", "format", "--ignore-formatted"]
        command += ["--cluster-id=" + cluster, "--config", "server.properties"]
        done = subprocess.run(command, cwd=self.data_dir, capture_output=True, check=False)
        if done.returncode != 0:
            said = (done.stdout + done.stderr).decode("utf-8", "replace")[-2000:]
            raise StackError(f"{self.data_dir}: Kafka could not format it:\n{said}\n{WAYS_OUT}")

    def _serves(self) -> bool:
        """Wait until the log says so; False when the broker has ended before."""
        deadline = time.monotonic() + self._start_timeout_s
        with self.log_file.open("rb") as log:
            seen = b""
            while STARTED not in seen:
                if not self.running:
                    return False
                if time.monotonic() > deadline:
                    self.stop()
                    raise StackError(
                        f"Kafka did not start within {self._start_timeout_s:g} s; from"
                        f" {self.log_file}:\n{excerpt(self.log_file)}\n{WAYS_OUT}"
                    )
                time.sleep(POLL_S)
                seen = seen[-len(STARTED) :] + log.read()
        return True


def run_once(data_dir: Path, flag: str) -> None:
    """A broker that practises until it has ended, with one flag for the JVM more than others have.

    Raises:
        StackError: it does not start, serve or end.
    """
    broker = EmbeddedKafka(data_dir, start_timeout_s=PRACTICE_TIMEOUT_S)
    broker._practice = flag
    with broker:
        practise(broker)
