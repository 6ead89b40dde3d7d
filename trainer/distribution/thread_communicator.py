"""Workers that are threads of one process: for tests of what workers say to each other."""

import threading
from collections.abc import Callable
from typing import TypeVar

from trainer.distribution.communicator import Communicator
from trainer.errors import PeerLost, SettingsError

__all__ = ["ThreadCommunicator", "run_workers"]

Result = TypeVar("Result")


class _Meeting:
    """What workers have said: of each call of `gather` that not all have read, the parts so far."""

    def __init__(self, size: int, patience: float) -> None:
        self.size = size
        self._patience = patience
        self._parts: dict[int, dict[int, bytes]] = {}
        self._read: dict[int, int] = {}
        self._left: set[int] = set()
        self._changed = threading.Condition()

    def gather(self, call: int, rank: int, data: bytes) -> list[bytes]:
        """Say `data` in the call of that number, and wait for what the others say."""
        with self._changed:
            parts = self._parts.setdefault(call, {})
            if rank in self._left:
                raise self._lost(rank, parts)
            parts[rank] = data
            self._changed.notify_all()
            self._changed.wait_for(
                lambda: len(parts) == self.size or self._left - parts.keys(), self._patience
            )
            if len(parts) < self.size:
                error = self._lost(rank, parts)
                self._left.add(rank)
                del parts[rank]
                self._changed.notify_all()
                raise error
            self._read[call] = self._read.get(call, 0) + 1
            if self._read[call] == self.size:
                del self._parts[call], self._read[call]
            return [parts[other] for other in range(self.size)]

    def leave(self, rank: int) -> None:
        """Say that this worker calls no more; those who wait for it are told."""
        with self._changed:
            self._left.add(rank)
            self._changed.notify_all()

    def _lost(self, rank: int, parts: dict[int, bytes]) -> PeerLost:
        missing = sorted(set(range(self.size)) - parts.keys() - {rank})
        gone = sorted(self._left.intersection(missing))
        return PeerLost(
            f"worker {rank} of {self.size}",
            expected="all workers to gather",
            got=f"{gone} left or lost one"
            if gone
            else f"none of {missing} within {self._patience:g} s",
            mend="let all workers gather equally often",
        )


class ThreadCommunicator:
    """A `Communicator` between threads; `run_workers` makes them."""

    def __init__(self, meeting: _Meeting, rank: int) -> None:
        self.rank = rank
        self.size = meeting.size
        self._meeting = meeting
        self._calls = 0

    def gather(self, data: bytes) -> list[bytes]:
        """Give `data` to all threads and return what each of them gave, in the order of ranks.

        Raises:
            PeerLost: A thread has ended, or did not come in time.
        """
        self._calls += 1
        return self._meeting.gather(self._calls, self.rank, bytes(data))

    def close(self) -> None:
        """Leave; threads that wait for this one raise PeerLost."""
        self._meeting.leave(self.rank)


def run_workers(
    size: int, work: Callable[[Communicator], Result], patience: float = 60.0
) -> list[Result]:
    """Run `work` in `size` threads at once and return their results in the order of ranks.

    Args:
        size: Number of workers.
        work: Called in each thread with that worker's end of the line.
        patience: Seconds that a worker waits for another one.

    Raises:
        SettingsError: There is no worker.
        Exception: What `work` raised in a worker: the first of those that did not merely lose a
            peer, in the order of ranks.
    """
    if size < 1:
        raise SettingsError("size", expected="at least 1 worker", got=str(size), mend="change it")
    meeting = _Meeting(size, patience)
    results: dict[int, Result] = {}
    errors: dict[int, BaseException] = {}

    def run(communicator: ThreadCommunicator) -> None:
        try:
            results[communicator.rank] = work(communicator)
        except BaseException as error:  # noqa: BLE001 - raised in the caller's thread
            errors[communicator.rank] = error
        finally:
            communicator.close()

    threads = [
        threading.Thread(target=run, args=(ThreadCommunicator(meeting, rank),), daemon=True)
        for rank in range(size)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for _, error in sorted(errors.items(), key=lambda e: (isinstance(e[1], PeerLost), e[0])):
        raise error
    return [results[rank] for rank in range(size)]
