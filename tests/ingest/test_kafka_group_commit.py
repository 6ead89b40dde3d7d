"""Positions in a consumer group."""

import pytest

from ingest import GroupCommitter
from tests.ingest.broker import admin, at

pytestmark = pytest.mark.usefixtures("no_thread_is_left")


def test_the_group_shows_the_position(two, servers):
    committer = GroupCommitter({"bootstrap_servers": servers, "linger_ms": 5}, f"group-{two}")
    try:
        committer.commit(at(two, 5, 6))
        committer.commit(at(two, 50, 60))
    finally:
        committer.close()
        committer.close()
    with admin(servers) as client:
        groups = client.list_group_offsets([f"group-{two}"])
    offsets = next(iter(groups.values()))
    assert {tp.partition: entry.offset for tp, entry in offsets.items()} == {0: 50, 1: 60}


def test_a_group_that_cannot_be_told_is_no_failure(caplog):
    options = {"bootstrap_servers": "127.0.0.1:1", "bootstrap_timeout_ms": 300}
    committer = GroupCommitter(options, "g")
    committer.commit(at("t", 1))
    committer.close()
    assert "the consumer group was not updated" in caplog.text
