"""The dead letters of one pipeline: its topics, and where its own letters begin."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ingest import KafkaDeadLetters, Position, end_of_topics
from millstream.config.config import Config
from millstream.rounds.store import RoundFolder, RoundStore

__all__ = ["dead_letter_topics", "end_of_letters", "open_dead_letters"]


def dead_letter_topics(config: Config) -> list[str]:
    """Where the bad records of the configured topics go, sorted."""
    pattern = config.kafka.dead_letter_topic
    return sorted({pattern.replace("{topic}", topic) for topic in config.kafka.topics})


def end_of_letters(config: Config, connection: Mapping[str, object]) -> Position:
    """Where the dead-letter topics end now; those that do not exist are not named.

    Raises:
        ingest.SourceError: the broker cannot be reached, or refuses.
    """
    return end_of_topics(connection, dead_letter_topics(config))


def open_dead_letters(
    config: Config,
    connection: Mapping[str, object],
    store: RoundStore,
    latest: RoundFolder,
    takes: Callable[[int], bool],
) -> KafkaDeadLetters:
    """Dead letters for the records after a round, none of which is delivered twice.

    The letters of this lineage that a killed process has delivered lie behind the position that
    the round recorded. A round of an older millstream has recorded none: nothing is looked for.

    Args:
        config: names the topics.
        connection: options for Kafka.
        store: of the rounds.
        latest: the round.
        takes: whether the records of partitions of this number are read here.

    Raises:
        ingest.SourceError: the broker cannot be reached.
    """
    recorded = latest.report().get("dead_letters")
    return KafkaDeadLetters(
        connection,
        config.kafka.dead_letter_topic,
        writer=store.folder(0).report()["lineage"],
        since=None if recorded is None else Position.from_json(recorded),
        takes=takes,
    )
