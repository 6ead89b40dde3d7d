"""The line between workers over TensorFlow's own collectives, the ones that sum gradients."""

from typing import Any

import numpy as np
import tensorflow as tf

from trainer.distribution.lasting_keys import lasting_keys
from trainer.errors import PeerLost, one_line

__all__ = ["LOST", "CollectiveCommunicator", "peer_lost"]

# What TensorFlow raises in a collective whose peer is gone (Unavailable), hangs
# (DeadlineExceeded, Unavailable), or was lost before (Aborted, Cancelled, FailedPrecondition).
LOST = (
    tf.errors.UnavailableError,
    tf.errors.DeadlineExceededError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.FailedPreconditionError,
)
SHORT = 512
"""Words of a first collective: what services say many times a second takes about a kilobyte."""


class CollectiveCommunicator:
    """A `Communicator` over the collectives of a MultiWorkerMirroredStrategy.

    Bytes travel as int64, which all of TensorFlow's transports take: a word with their number,
    then the bytes, padded to whole words. So no worker ever gives nothing: a collective in which
    all do crashes the process (TensorFlow 2.21). A call takes about 3 ms on one machine.

    Services call it many times a second for as long as they live, so all that travels has one of a
    few sizes, each with a compiled function of its own: TensorFlow keeps a note of each collective
    for ever (see `lasting_keys`). What is longer than `SHORT` takes a second collective, whose size
    the first one has told to all.
    """

    def __init__(self, strategy: tf.distribute.Strategy, rank: int, size: int) -> None:
        """Talk over `strategy`, which all of the `size` workers have opened; this one is `rank`."""
        self.rank = rank
        self.size = size
        self._strategy = strategy
        self._replicas = strategy.num_replicas_in_sync // size
        self._gathers: dict[int, Any] = {}

    def gather(self, data: bytes) -> list[bytes]:
        """Give `data` to all workers and return what each of them gave, in the order of ranks.

        Raises:
            PeerLost: A worker is gone, or hangs.
        """
        words = _packed(data)
        try:
            found = self._all(words, SHORT)
            longest = max(_words_of(int(row[0])) for row in found)
            if longest > SHORT:
                found = self._all(words, 1 << (longest - 1).bit_length())
        except LOST as error:
            raise peer_lost(self.rank, self.size, error) from error
        return [row[1:].tobytes()[: int(row[0])] for row in found]

    def close(self) -> None:
        """Do nothing: the process's end closes the line."""

    def _all(self, words: np.ndarray, size: int) -> np.ndarray:
        """Return the first `size` words of each worker, int64[workers, size]."""
        run = self._gathers.get(size)
        if run is None:
            strategy = self._strategy
            run = tf.function(lambda each: strategy.gather(each, axis=0), autograph=False)
            self._gathers[size] = run
        own = np.zeros(size, np.int64)
        own[: len(words)] = words[:size]
        with lasting_keys():
            found = run(self._given(own)).numpy()
        rows: np.ndarray = found.reshape(-1, size)[:: self._replicas]
        return rows

    def _given(self, words: np.ndarray) -> Any:
        """Return what each of this worker's replicas gives: the first one the words."""
        if self._replicas == 1:
            return tf.constant(words)
        values = [tf.constant(words)] + [tf.zeros_like(words)] * (self._replicas - 1)
        return self._strategy.experimental_distribute_values_from_function(
            lambda context: values[context.replica_id_in_sync_group % self._replicas]
        )


def peer_lost(rank: int, size: int, error: tf.errors.OpError) -> PeerLost:
    """Return the error that tells people which call of TensorFlow lost its peer."""
    return PeerLost(
        f"worker {rank} of {size}",
        expected="all workers alive",
        got=f"{type(error).__name__}: {one_line(error.message, 160)}",
        mend="see the logs of the others; start again from the last checkpoint",
    )


def _packed(data: bytes) -> np.ndarray:
    padded = data + bytes(-len(data) % 8)
    header = np.array([len(data)], np.int64)
    return np.concatenate([header, np.frombuffer(padded, np.int64)])


def _words_of(length: int) -> int:
    """How many words so many bytes take, with the one that says how many they are."""
    return 1 + -(-length // 8)
