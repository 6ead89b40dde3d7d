"""The benchmark of ingest does not rot: each part runs on few records."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from bench.ingest import __main__ as bench
from bench.ingest.contest import TFIO, Contestant, Outcome, inspect, missing
from bench.ingest.parts import COLUMNS, PARTS, ratio
from bench.ingest.records import KINDS, make_pool
from bench.ingest.topics import PARTITIONS, Topic
from millstream.stack.jars import KAFKA_3
from millstream.stack.kafka import EmbeddedKafka

pytestmark = pytest.mark.long

RECORDS = 2_000
TIMED_TOO = {"columns", "backlog"}
NAMES = {
    "columns": {
        "columns_vs_kafka_python",
        "columns_vs_confluent",
        "columns_vs_java",
        "columns_vs_tfio",
    },
    "tfio-ways": {"columns_vs_tfio_from_kafka"},
    "decoded": {"decoded_vs_confluent_orjson", "decoded_rows_per_s"},
    "packed": {"packed_rows_per_s"},
    "backlog": {"backlog_vs_columns", "backlog_rss_growth_mb"},
}


def topic(kind: str = "json50", records: int = 10) -> Topic:
    return Topic(kind, "none", records, 16_384)


def test_the_records_are_as_large_as_they_say():
    for kind in KINDS:
        pool = make_pool(kind, 1_000)
        mean = pool.byte_sum(1_000) / 1_000
        assert abs(mean - int(kind.lstrip("jsonpacked"))) < 1, kind
        assert make_pool(kind, 1_000).values == pool.values


def test_sums_go_round_the_pool():
    pool = make_pool("json208", 7)
    assert pool.label_sum(17) == 2 * pool.labels.sum() + pool.labels[:3].sum()
    values = [pool.values[n % 7] for n in range(17)]
    assert pool.byte_sum(17) == sum(map(len, values))
    assert pool.label_sum(17) == sum(json.loads(value)["y"] for value in values)


def test_who_reads_other_records_is_found_out():
    reader = Contestant("reader", "columns")
    pool = make_pool("json50", 10)
    good = {"records": 10, "offsets": {"0": [5, 10], "1": [5, 10]}, "bytes": pool.byte_sum(10)}
    inspect(reader, topic(), good)
    for wrong in ({"records": 9}, {"offsets": {"0": [5, 11]}}, {"bytes": 1}, {"labels": -1}):
        with pytest.raises(RuntimeError, match=r"^reader: "):
            inspect(reader, topic(), {**good, **wrong})


def test_a_ratio_is_the_worst_over_the_topics_that_the_peer_reads():
    peer = Contestant("peer", "confluent")
    table = {
        topic("json50"): {"columns": Outcome((8.0,)), "peer": Outcome((2.0,))},
        topic("json208"): {"columns": Outcome((9.0, 1.0, 3.0)), "peer": Outcome((1.0,))},
        topic("packed56"): {"columns": Outcome((1.0,)), "peer": Outcome(failure="no")},
    }
    assert ratio(table, COLUMNS, peer) == 3.0
    assert ratio({}, COLUMNS, peer) is None


def test_a_reader_that_waits_where_the_topic_ends_stops_before():
    reader = Contestant("reader", "tfio", most=10_000, whole=4096)
    assert reader.records(topic(records=1_000_000)) == 8192
    assert reader.records(topic(records=100)) == 100


@pytest.mark.slow
@pytest.mark.parametrize("part", PARTS, ids=lambda part: part.name)
def test_each_part_runs(part, kafka, tmp_path, capsys, monkeypatch):
    reading_3 = [item for item in part.contestants if item.kafka_3 and not missing(item)]
    servers = {False: kafka.bootstrap_servers}
    monkeypatch.setattr("sys.path", [*bench.sys.path])
    part, laps = replace(part, topics=part.topics[-1:]), int(part.name in TIMED_TOO)
    if reading_3 and TFIO.exists():
        with EmbeddedKafka(tmp_path / "kafka-3", lock=KAFKA_3) as old:
            servers[True] = old.bootstrap_servers
            found = bench.run_part(part, RECORDS, 16_384, servers, laps)
    else:
        found = bench.run_part(part, RECORDS, 16_384, servers, laps)
    printed = capsys.readouterr().out
    assert set(found) == NAMES[part.name]
    assert all(number is None or number > 0 or "growth" in name for name, number in found.items())
    for item in part.contestants:
        reason = missing(item)
        assert f" {item.name} |" in printed or (reason and f"{item.name}: skipped" in printed)
    assert "cannot read" not in printed


def test_the_last_line_is_for_machines(capsys):
    from bench.ingest.report import print_results

    print_results({"packed_rows_per_s": 3_000_000.4, "backlog_vs_columns": 0.91234, "none": None})
    last = json.loads(capsys.readouterr().out.splitlines()[-1])
    results = {"packed_rows_per_s": 3_000_000, "backlog_vs_columns": 0.912, "none": None}
    assert last == {"bench": "ingest", "results": results}


def test_an_unknown_part_is_named(capsys):
    with pytest.raises(SystemExit):
        bench.main(["--only", "colums"])
    assert "no part colums" in capsys.readouterr().err
    assert PARTITIONS == 4
