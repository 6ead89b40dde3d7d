"""A service with all that it needs as processes of their own: broker, MLflow, a producer."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from millstream.rounds.store import RoundStore
from millstream.stack.kafka import EmbeddedKafka
from millstream.stack.mlflow import MlflowServer, prepare_store
from registry import ModelRegistry
from tests.chaos.ledger import Ledger, add_up, read_rounds
from tests.chaos.producer import Producer
from tests.chaos.stream import Stream
from tests.millstream.project import Project, create_topic, make_project

__all__ = ["WAIT_S", "Trial", "open_trial"]

WAIT_S = 300.0


@dataclass
class Trial:
    """What is tried, and what it is tried with."""

    stream: Stream
    producer: Producer
    mlflow: MlflowServer

    @property
    def project(self) -> Project:
        return self.stream.project

    @property
    def store(self) -> RoundStore:
        return RoundStore(self.project.state_dir / "rounds")

    def published(self) -> int:
        """How many rounds have been published."""
        return sum(folder.is_published for folder in self.store.complete()) - 1

    def wait_for_rounds(self, more: int) -> None:
        """Wait until so many more rounds are published; AssertionError if they do not come."""
        wanted, deadline = self.published() + more, time.monotonic() + WAIT_S
        while self.published() < wanted:
            assert time.monotonic() < deadline, f"no round came:\n{self.stream.said()}"
            assert self.stream.pid
            time.sleep(0.5)

    def finish(self) -> None:
        """No more records; the service reads the rest, and ends."""
        self.producer.end()
        self.stream.finish()

    def ledger(self) -> Ledger:
        """Of the rounds so far."""
        return add_up(read_rounds(self.store))

    def check_the_end(self) -> Ledger:
        """When all has been read: everything that must hold; AssertionError if it does not."""
        rounds = read_rounds(self.store)
        ledger = add_up(rounds)
        assert ledger.read == self.producer.sent, f"{self.producer.sent} were sent: {ledger}"
        assert ledger.versions == ledger.rounds, f"rounds without a version: {ledger}"
        self.stream.check_dead_letters(
            self.store, [each.number for each in rounds], self.producer.bad
        )
        kept = ModelRegistry(self.project.topic, self.mlflow.url).versions()
        ours = {(each.number, each.version) for each in rounds}
        assert kept, "no version is in MLflow"
        assert len({version.round for version in kept}) == len(kept), "two versions of a round"
        assert {(version.round, version.version) for version in kept} <= ours
        return ledger


@contextmanager
def open_trial(
    folder: Path,
    topic: str,
    workers: int,
    settings: Mapping[str, str] | None = None,
    keep_rounds: int = 500,
) -> Iterator[Trial]:
    """A trial that has begun: the service runs, and records come.

    Args:
        folder: for all of it.
        topic: to read.
        workers: of the service.
        settings: by section of millstream.toml, what comes first there.
        keep_rounds: of the service.
    """
    with ExitStack() as stack:
        broker = stack.enter_context(EmbeddedKafka(folder / "kafka"))
        (folder / "mlflow").mkdir()
        mlflow = stack.enter_context(
            MlflowServer(prepare_store(folder / "mlflow"), folder / "mlflow" / "artifacts")
        )
        servers = broker.bootstrap_servers
        options = {"records": 2_000, "keep_rounds": keep_rounds}
        project = make_project(folder / "project", servers, topic, **options)
        local = {"registry": f'tracking_uri = "{mlflow.url}"\n', "kafka": 'check = "all"\n'}
        configure(project, local)
        configure(project, settings or {})
        create_topic(servers, topic)
        stream = Stream(project, broker, workers)
        stack.callback(stream.end)
        producer = stack.enter_context(Producer(servers, topic))
        stream.start()
        yield Trial(stream, producer, mlflow)


def configure(project: Project, settings: Mapping[str, str]) -> None:
    """Put lines at the beginning of sections that are there, instead of those of the same keys."""
    path = project.directory / "millstream.toml"
    text = path.read_text()
    for section, lines in settings.items():
        before, head, after = text.partition(f"[{section}]\n")
        assert head, f"[{section}] is not there"
        body, mark, rest = after.partition("\n[")
        keys = {line.split(" =")[0] for line in lines.splitlines()}
        kept = [line for line in body.splitlines() if line.split(" =")[0] not in keys]
        text = before + head + lines + "\n".join(kept) + mark + rest
    path.write_text(text)
