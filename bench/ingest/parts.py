"""What is measured: who reads which topics, and which numbers come of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from bench.ingest.contest import Contestant, Outcome
from bench.ingest.topics import Topic

__all__ = ["PARTS", "Part", "Table", "ratio"]

Table = Mapping[Topic, Mapping[str, Outcome]]

COLUMNS = Contestant("columns", "columns")
KAFKA_PYTHON = Contestant("kafka-python", "kafka_python", most=1_000_000)
CONFLUENT = Contestant("confluent-kafka", "confluent", needs="confluent_kafka")
JAVA = Contestant("Java", "java")
TFIO = Contestant(
    "tensorflow-io", "tfio", needs="tensorflow-io", most=1_000_000, whole=4096, kafka_3=True
)
TFIO_BY_PARTITION = Contestant(
    "from_kafka",
    "tfio",
    needs="tensorflow-io",
    most=204_800,
    whole=4096,
    kafka_3=True,
    options={"by": "partition"},
)
DECODED = Contestant("millstream.dataset", "decoded")
ORJSON = Contestant("confluent + orjson", "confluent_orjson", needs="orjson", most=500_000)
BY_ROW = Contestant("row by row", "row_by_row", needs="confluent_kafka", most=16_384)
PACKED = Contestant("millstream.dataset", "decoded", options={"packed": True})
WINDOW = Contestant("window of 50,000", "window")


@dataclass(frozen=True)
class Part:
    """Contestants that read the same topics.

    Attributes:
        name: for the command line.
        title: for people.
        contestants: ours first.
        topics: pairs of kind and codec.
        results: the numbers for the last line, of the outcomes by topic.
        times: so many times the records of the command line are in each topic.
    """

    name: str
    title: str
    contestants: Sequence[Contestant]
    topics: Sequence[tuple[str, str]]
    results: Callable[[Table], dict[str, float | None]]
    times: int = 1

    def make_topics(self, records: int, batch_size: int) -> list[Topic]:
        """The topics, for so many records."""
        return [Topic(kind, codec, records * self.times, batch_size) for kind, codec in self.topics]


def ratio(table: Table, ours: Contestant, peer: Contestant) -> float | None:
    """The worst over the topics that the peer can read; None when it has read none."""
    found = []
    for outcomes in table.values():
        mine, other = outcomes.get(ours.name, Outcome()), outcomes.get(peer.name, Outcome())
        if mine.rate and other.rate:
            found.append(mine.rate / other.rate)
    return min(found, default=None)


def _columns(table: Table) -> dict[str, float | None]:
    return {
        "columns_vs_kafka_python": ratio(table, COLUMNS, KAFKA_PYTHON),
        "columns_vs_confluent": ratio(table, COLUMNS, CONFLUENT),
        "columns_vs_java": ratio(table, COLUMNS, JAVA),
        "columns_vs_tfio": ratio(table, COLUMNS, TFIO),
    }


def _ways(table: Table) -> dict[str, float | None]:
    return {"columns_vs_tfio_from_kafka": ratio(table, COLUMNS, TFIO_BY_PARTITION)}


def _decoded(table: Table) -> dict[str, float | None]:
    rates = [outcomes[DECODED.name].rate for outcomes in table.values()]
    return {
        "decoded_vs_confluent_orjson": ratio(table, DECODED, ORJSON),
        "decoded_rows_per_s": min((rate for rate in rates if rate), default=None),
    }


def _packed(table: Table) -> dict[str, float | None]:
    rates = [outcomes[PACKED.name].rate for outcomes in table.values()]
    return {"packed_rows_per_s": min((rate for rate in rates if rate), default=None)}


def _backlog(table: Table) -> dict[str, float | None]:
    (outcomes,) = table.values()
    notes = outcomes[WINDOW.name].facts.get("rss", [])
    settled = [rss for records, rss in notes if records * 10 >= notes[-1][0]]
    growth = max(settled) - settled[0] if settled else None
    return {"backlog_vs_columns": ratio(table, WINDOW, COLUMNS), "backlog_rss_growth_mb": growth}


JSON_TOPICS = [(kind, codec) for kind in ("json50", "json208") for codec in ("none", "lz4", "zstd")]
PARTS = (
    Part(
        "columns",
        "Records as columns, against one object per record",
        (COLUMNS, KAFKA_PYTHON, CONFLUENT, JAVA, TFIO),
        JSON_TOPICS,
        _columns,
    ),
    Part(
        "tfio-ways",
        "tensorflow-io's two ways",
        (COLUMNS, TFIO, TFIO_BY_PARTITION),
        [("json208", "none")],
        _ways,
    ),
    Part(
        "decoded",
        "JSON of 14 fields, decoded, as float tensors in batches of 4,096",
        (DECODED, ORJSON, BY_ROW),
        [("json208", "lz4")],
        _decoded,
    ),
    Part("packed", "Packed structs as tensors", (PACKED,), [("packed56", "none")], _packed),
    Part(
        "backlog",
        "A backlog into a window of 50,000 rows, against plain columns",
        (WINDOW, COLUMNS),
        [("json208", "lz4")],
        _backlog,
        times=5,
    ),
)
