import threading

import pytest

from trainer import (
    Alone,
    Communicator,
    PeerLost,
    SettingsError,
    ThreadCommunicator,
    check_communicator,
    run_workers,
)


def test_one_worker_hears_itself() -> None:
    alone = Alone()
    check_communicator(alone)
    alone.close()


@pytest.mark.parametrize("size", [1, 2, 5])
def test_threads_hear_each_other(size: int) -> None:
    assert run_workers(size, check_communicator) == [None] * size


def test_results_come_in_the_order_of_ranks() -> None:
    assert run_workers(3, lambda line: (line.rank, line.size)) == [(0, 3), (1, 3), (2, 3)]


def test_who_waits_for_one_that_failed_loses_a_peer_and_the_failure_is_told() -> None:
    lost: list[str] = []

    def work(line: Communicator) -> None:
        line.gather(b"all are here")
        if line.rank == 1:
            raise ValueError("broken")
        try:
            line.gather(b"anyone?")
        except PeerLost as error:
            lost.append(str(error))
            raise

    with pytest.raises(ValueError, match="broken"):
        run_workers(3, work)
    assert len(lost) == 2
    assert all("left or lost one" in text for text in lost)
    assert any("got [1] left" in text for text in lost)


def test_one_that_does_not_come_in_time_is_lost_to_all_for_good() -> None:
    late = threading.Event()

    def work(line: Communicator) -> None:
        if line.rank == 1:
            late.wait()
        for _ in range(2):
            with pytest.raises(PeerLost, match=r"got \[\d\] left|none of \[1\] within 0.05 s"):
                line.gather(b"anyone?")
        late.set()

    run_workers(2, work, patience=0.05)


def test_there_is_at_least_one_worker() -> None:
    with pytest.raises(SettingsError, match="at least 1 worker"):
        run_workers(0, check_communicator)


class Mixing:
    """Gives the parts of others in another order, or the same bytes for all."""

    def __init__(self, line: Communicator, fault: str) -> None:
        self.rank, self.size = line.rank, line.size
        self._line, self._fault = line, fault

    def gather(self, data: bytes) -> list[bytes]:
        parts = self._line.gather(data)
        if self._fault == "order":
            return parts[::-1]
        if self._fault == "zeros":
            return [part.rstrip(b"\0") for part in parts]
        return [part for part in parts if part]

    def close(self) -> None:
        self._line.close()


@pytest.mark.parametrize("fault", ["order", "zeros", "empty"])
def test_the_suite_finds_what_is_wrong(fault: str) -> None:
    with pytest.raises(AssertionError, match="expected"):
        run_workers(2, lambda line: check_communicator(Mixing(line, fault)))


def test_threads_are_made_by_their_runner() -> None:
    (line,) = run_workers(1, lambda line: line)
    assert isinstance(line, ThreadCommunicator)
