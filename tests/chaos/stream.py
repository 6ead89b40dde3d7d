"""The service under attack: started again whenever it was killed."""

from __future__ import annotations

import os
import subprocess
import sys
import time

from millstream.rounds.store import RoundStore
from millstream.stack.kafka import EmbeddedKafka
from millstream.workers.supervisor import OUT_OF_REACH
from tests.millstream.project import Project, read_all

__all__ = ["Stream"]


class Stream:
    """A project's service with some workers, and the broker that it reads.

    Attributes:
        starts: how often the service was started.
    """

    def __init__(self, project: Project, broker: EmbeddedKafka, workers: int) -> None:
        self.project, self.broker, self.workers = project, broker, workers
        self.starts = 0
        self._broker_was_away = False
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, *options: str) -> None:
        """Start the service."""
        self.starts += 1
        self._broker_was_away = False
        self._process = subprocess.Popen(
            [sys.executable, "-m", "millstream", "run", "--workers", str(self.workers), *options],
            cwd=self.project.directory,
            env={**os.environ, **self.project.environment},
            stdout=subprocess.DEVNULL,
            stderr=(self.project.directory / "service.log").open("ab"),
        )

    @property
    def pid(self) -> int:
        """Of the process that looks after the workers.

        One that was starting while the broker was away has ended; it is started again, as a person
        would, or a container's restart policy.
        """
        if self.code == OUT_OF_REACH and self._broker_was_away:
            self.start()
        assert self._process is not None
        code = self._process.poll()
        assert code is None, f"the service ended by itself with {code}:\n{self.said()}"
        return self._process.pid

    @property
    def code(self) -> int | None:
        """How the service ended; None while it runs."""
        assert self._process is not None
        return self._process.poll()

    def said(self) -> str:
        """The last that the service has said."""
        return self.all_said()[-4000:]

    def all_said(self) -> str:
        """All that the service has said, in all its lives."""
        return (self.project.directory / "service.log").read_text()

    def worker_pid(self, rank: int) -> int | None:
        """Of a worker, if it runs now."""
        name = f"worker {rank}"
        found = [pid for server in children(self.pid) for pid in children(server, name)]
        return found[0] if found else None

    def restart(self) -> None:
        """Start the service again after it was killed; its workers end with it."""
        assert self._process is not None
        self._process.wait()
        self.start()

    def stop(self) -> None:
        """Stop the service as a person does."""
        assert self._process is not None
        self._process.terminate()
        self._process.wait(300)

    def finish(self) -> None:
        """Stop, then read all that is left."""
        self.stop()
        self.start("--stop-when-idle", "3")
        assert self._process is not None
        assert self._process.wait(900) == 0, self.said()

    def end(self) -> None:
        """Kill the service if it still runs."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()

    def check_dead_letters(self, store: RoundStore, numbers: list[int], bad: int) -> None:
        """Each bad record is in the dead-letter topic, once."""
        counted = sum(store.folder(number).report()["counts"]["bad"] for number in numbers)
        letters = read_all(self.project.servers, f"{self.project.topic}.dead-letters")
        names = ("millstream.topic", "millstream.partition", "millstream.offset")
        identities = {tuple(dict(letter.headers)[name] for name in names) for letter in letters}
        assert len(identities) == len(letters) == counted == bad

    def restart_broker(self) -> None:
        """Start the broker again on its own data, and give everyone a moment to find it."""
        self._broker_was_away = True
        self.broker.stop()
        self.broker.start()
        time.sleep(1.0)


def children(pid: int, name: str = "") -> list[int]:
    """The processes that a process has begun; those of a name."""
    command = ["pgrep", "-P", str(pid), *(["-x", name] if name else [])]
    listed = subprocess.run(command, capture_output=True, text=True, check=False)
    return [int(each) for each in listed.stdout.split()]
