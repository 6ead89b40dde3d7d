"""Headers of letters that no letter of ours has: anyone may write to a dead-letter topic."""

import numpy as np
import pytest

from ingest import RecordBatch
from ingest.formats.decoder import BadRecord
from ingest.kafka.delivered import Delivered
from ingest.kafka.letter import Letter, identity_of
from ingest.position import Position
from tests.ingest.broker import producer

TOLD = {
    "topic": "t",
    "partition": "0",
    "offset": "7",
    "timestamp": "1",
    "kind": "not_json",
    "reason": "why",
}
BATCH = RecordBatch.of("t.dead-letters", 0, [0], [b"v"])


def test_a_letter_is_about_one_record():
    assert identity_of(TOLD, "") == ("t", 0, 7)
    assert Letter.read(BATCH, 0, TOLD).identity == ("t", 0, 7)
    most = {**TOLD, "offset": str(2**63 - 1)}
    assert identity_of(most, "") == ("t", 0, 2**63 - 1)


@pytest.mark.parametrize("number", ["-1", str(2**63), "9" * 5_000, "7.0", "", "x"])
@pytest.mark.parametrize("name", ["partition", "offset"])
def test_numbers_that_kafka_has_not_are_of_no_letter(name, number):
    told = {**TOLD, name: number}
    assert identity_of(told, "") is None
    assert Letter.read(BATCH, 0, told) is None


def test_offsets_stay_whole_whatever_another_one_has_written(servers, topic):
    """One number past int64 would make all of them floats, which are all alike from 2**53 on."""
    where, first = f"{topic}.dead-letters", 2**53
    with producer(servers) as made:
        for offset in (first, 2**63 + 5):
            told = {**TOLD, "topic": topic, "offset": str(offset)}
            headers = [(f"millstream.{name}", text.encode()) for name, text in told.items()]
            made.send(where, b"v", headers=headers)
    found = Delivered({"bootstrap_servers": servers}, [where], Position(), "")
    batch = RecordBatch.of(topic, 0, np.arange(first, first + 2), [b"v", b"w"])
    bad = [BadRecord(0, "why", "not_json"), BadRecord(1, "why", "not_json")]
    assert [record.index for record in found.without(batch, bad)] == [1]
