"""Conformance checks for those who write their own parts: call one in a test."""

import hashlib
import itertools
import math

from trainer.communicator import Communicator
from trainer.gate import Evidence, Gate
from trainer.trigger import Trigger


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


def check_gate(gate: Gate, metric: str = "auc") -> None:
    """Prove what `Gate` promises: pure, reasoned, and never promoting on a score it cannot see.

    Raises:
        AssertionError: It does not hold; the text says for which evidence.
    """
    scores: tuple[dict[str, float], ...] = (
        {metric: 0.7},
        {metric: 0.9},
        {metric: math.nan},
        {metric: math.inf},
        {},
    )
    champions = (None, *scores)
    cases = itertools.product(scores, scores, champions, (0.0, 0.5, math.nan), (0, 1, 10_000))
    for candidate, float32, champion, difference, rows in cases:
        evidence = Evidence(candidate, float32, champion, difference, rows)
        verdict = gate.decide(evidence)
        _require(verdict == gate.decide(evidence), "the same verdict twice", evidence)
        _require(bool(verdict.reason.strip()), "a reason", evidence)
        _require("\n" not in verdict.reason, "a reason of one line", evidence)
        seen = math.isfinite(candidate.get(metric, math.nan))
        _require(seen or not verdict.promote, "no promotion without a score", evidence)


def check_trigger(trigger: Trigger) -> None:
    """Prove what `Trigger` promises: pure, monotone, and never due without a record.

    Raises:
        AssertionError: It does not hold; the text says for which arguments.
    """
    records = (0, 1, 2, 100, 10_000, 10**9)
    seconds = (0.0, 0.5, 1.0, 60.0, 3600.0, 1e9)
    for count, waited in itertools.product(records, seconds):
        place = f"records={count}, seconds={waited}"
        reason = trigger.due(count, waited)
        _require(reason == trigger.due(count, waited), "the same answer twice", place)
        _require(reason is None or bool(reason.strip()), "a reason", place)
        _require(reason is None or count > 0, "not due without a record", place)
        later = (trigger.due(c, s) for c in records for s in seconds if c >= count and s >= waited)
        _require(reason is None or None not in later, "to stay due", place)


def _require(holds: bool, expected: str, case: object) -> None:
    if not holds:
        raise AssertionError(f"expected {expected}, for {case}")
