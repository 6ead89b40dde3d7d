"""How workers tell each other numbers, keys and decisions: bytes of each to all.

Gradients do not go this way; TensorFlow sums them.
"""

from typing import Protocol

__all__ = ["Alone", "Communicator"]


class Communicator(Protocol):
    """One worker's end of a line to all workers of a run.

    Guarantee: a call of `gather` returns the same list on every worker, however long it takes each
    of them to come to it. Nothing is lost, repeated or reordered while all workers live; when one
    is lost, the others raise `PeerLost` in the call that they are in, or in their next one, and
    every later call raises it again.

    All workers call `gather` equally often, in the same order, each from one thread at a time.
    `check_communicator` proves it for an implementation.
    """

    @property
    def rank(self) -> int:
        """This worker's number, 0 to size - 1; 0 is the chief."""
        ...

    @property
    def size(self) -> int:
        """How many workers there are, 1 or more."""
        ...

    def gather(self, data: bytes) -> list[bytes]:
        """Give `data` to all workers and return what each of them gave, in the order of ranks.

        Lengths may differ, and any or all of them may be 0.

        Raises:
            PeerLost: A worker is gone, or hangs.
        """
        ...

    def close(self) -> None:
        """Leave; no call of `gather` follows. It may be called twice, or never."""
        ...


class Alone:
    """The line of a run that has one worker."""

    rank = 0
    size = 1

    def gather(self, data: bytes) -> list[bytes]:
        """Return `[data]`."""
        return [bytes(data)]

    def close(self) -> None:
        """Do nothing."""
