"""Conformance checks for those who write their own parts: call one in a test."""

import hashlib

from trainer.distribution.communicator import Communicator


def check_communicator(communicator: Communicator) -> None:
    """Prove what `Communicator` promises while all workers live: call it on all of them at once.

    Any bytes of any lengths, none at all among them, come to all workers, in the order of ranks.

    Raises:
        AssertionError: It does not hold; the text says in which call.
    """
    rank, size = communicator.rank, communicator.size
    _require(0 <= rank < size, "0 <= rank < size", f"rank {rank} of {size}")
    ranks = communicator.gather(str(rank).encode())
    _require(ranks == [str(i).encode() for i in range(size)], "ranks in their order", ranks)
    for call, lengths in enumerate(_lengths(size)):
        found = communicator.gather(_bytes(call, rank, lengths[rank]))
        case = f"call {call}, lengths {lengths}"
        _require(len(found) == size, f"{size} parts", case)
        for other, length in enumerate(lengths):
            same = found[other] == _bytes(call, other, length)
            _require(same, f"what worker {other} gave", case)
    given = bytearray(b"before")
    found = communicator.gather(bytes(given))
    given[:] = b"after!"
    _require(found == [b"before"] * size, "bytes of their own", found)


def _lengths(size: int) -> list[list[int]]:
    """Per call of `gather` how many bytes each worker gives."""
    alike = [[length] * size for length in (0, 1, 7, 8, 9, 0, 4096)]
    first = [[length if rank == 0 else 0 for rank in range(size)] for length in (0, 5, 100_001)]
    last = [[3 if rank == size - 1 else 0 for rank in range(size)]]
    return alike + first + last + [[(13 * rank + 1) % 29 for rank in range(size)]] * 20


def _bytes(call: int, rank: int, length: int) -> bytes:
    """`length` bytes that no other call or worker gives, all values among them."""
    return hashlib.shake_128(f"{call} {rank}".encode()).digest(length)


def _require(holds: bool, expected: str, case: object) -> None:
    if not holds:
        raise AssertionError(f"expected {expected}, for {case}")
