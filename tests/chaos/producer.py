"""A producer that sends all the time, and knows what the broker has taken."""

from __future__ import annotations

import threading
import time
from types import TracebackType

from kafka import KafkaProducer

from tests.millstream.project import make_rows

RATE = 400
PARTITIONS = 4


class Producer:
    """Sends good and a few bad records to a topic in a thread; each is there once, or not at all.

    Attributes:
        sent: records that the broker has taken.
        bad: of them, those that are no JSON.
    """

    def __init__(self, servers: str, topic: str) -> None:
        self.sent = self.bad = 0
        self._topic = topic
        self._ended = threading.Event()
        self._made = KafkaProducer(
            bootstrap_servers=servers,
            enable_idempotence=True,
            acks="all",
            retries=1_000_000,
            delivery_timeout_ms=600_000,
            linger_ms=50,
        )
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> Producer:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, _: BaseException | None, __: TracebackType | None
    ) -> None:
        self.end()

    def end(self) -> None:
        """Send no more, and wait until the broker has all; again is fine."""
        if self._ended.is_set():
            return
        self._ended.set()
        self._thread.join()
        self._made.flush(timeout=120)
        self._made.close()

    def _run(self) -> None:
        seed = 0
        while not self._ended.is_set():
            rows = make_rows(RATE, seed=seed)
            rows[seed % RATE] = b"not json"
            for place, row in enumerate(rows):
                future = self._made.send(self._topic, row, partition=place % PARTITIONS)
                future.add_callback(self._count, bad=row == b"not json")
            seed += 1
            time.sleep(1.0)

    def _count(self, _: object, bad: bool) -> None:
        self.sent += 1
        self.bad += bad
