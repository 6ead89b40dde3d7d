"""Reading ahead: the same records, positions and errors as without, at the same places."""

import threading

import pytest
from kafka import TopicPartition

from ingest.errors import CorruptBatchError
from ingest.kafka.ahead import PIECES, AheadReader, DecodePool
from ingest.kafka.backlog import Backlog
from tests.ingest.wire_batches import batch, reader_of, records

pytestmark = pytest.mark.usefixtures("no_thread_is_left")

WHOLE = b"".join(batch(10 * n, records(10), "zstd") for n in range(20))
DAMAGED = WHOLE[:-1] + bytes([WHOLE[-1] ^ 1])


@pytest.fixture
def pool():
    """Threads that are ended."""
    made = DecodePool()
    yield made
    made.close()


def steps(reader, most):
    """What a reader says of itself before each piece, and what it gives; to its end or an error."""
    found = []
    while not reader.ended:
        found.append(reader.position)
        try:
            batch = reader.read(most)
        except CorruptBatchError as error:
            return [*found, str(error), reader.position, reader.ended]
        found.append(None if batch is None else batch.offsets.tolist())
    return [*found, reader.position]


@pytest.mark.parametrize("buffer", [WHOLE, DAMAGED, b"", WHOLE + WHOLE[:50]])
@pytest.mark.parametrize("most", [1, 25, 1000])
def test_it_is_the_same_as_reading_at_once(pool, buffer, most):
    expected = steps(reader_of(buffer, 3), most)
    assert steps(AheadReader(reader_of(buffer, 3), pool, most), most) == expected


def test_damage_is_told_each_time(pool):
    reader = AheadReader(reader_of(DAMAGED), pool, 1000)
    assert len(reader.read(1000)) == 190
    for _ in range(3):
        with pytest.raises(CorruptBatchError):
            reader.read(1000)
        assert reader.position == 190


class Counted:
    """A reader that says when it has read so many times."""

    def __init__(self, reader, wanted):
        self.reads = 0
        self.reached = threading.Event()
        self._reader, self._wanted = reader, wanted

    def __getattr__(self, name):
        return getattr(self._reader, name)

    def read(self, most):
        """As the reader within."""
        self.reads += 1
        if self.reads == self._wanted:
            self.reached.set()
        return self._reader.read(most)


def test_only_a_few_pieces_are_read_ahead(pool):
    inner = Counted(reader_of(WHOLE), PIECES)
    reader = AheadReader(inner, pool, 10)
    reader.start()
    assert inner.reached.wait(30)
    pool.close()
    assert inner.reads == PIECES
    assert reader.position == 0


def test_what_was_dropped_is_read_no_further(pool):
    inner = Counted(reader_of(WHOLE), 1)
    reader = AheadReader(inner, pool, 10)
    reader.drop()
    reader.start()
    pool.close()
    assert inner.reads == 0


def test_a_backlog_hands_out_all_of_each_partition_in_order(pool):
    backlog = Backlog()
    for number in range(5):
        backlog.add(TopicPartition("t", number), AheadReader(reader_of(WHOLE), pool, 35))
    found = []
    while backlog:
        given = backlog.take(80)
        assert sum(map(len, given)) <= 80
        found += [offset for one in given for offset in one.offsets.tolist()]
    assert found == [*range(200)] * 5


class Failing:
    """A reader that has no memory the first time."""

    position, ended = 0, False

    def __init__(self, reader):
        self.reader = reader
        self.failed = False

    def read(self, most):
        if not self.failed:
            self.failed = True
            raise MemoryError
        self.ended = True
        return self.reader.read(most)


def test_what_was_taken_before_a_failure_is_handed_out():
    backlog = Backlog()
    for partition in range(2):
        reader = reader_of(batch(0, records(10)))
        backlog.add(TopicPartition("t", partition), Failing(reader) if partition else reader)
    assert [len(part) for part in backlog.take(100)] == [10]
    assert [len(part) for part in backlog.take(100)] == [10]
    backlog.add(TopicPartition("t", 0), Failing(reader_of(batch(10, records(10)))))
    with pytest.raises(MemoryError):
        backlog.take(100)
    assert backlog.position(TopicPartition("t", 0)) == 0
    assert [part.offsets[0] for part in backlog.take(100)] == [10]
