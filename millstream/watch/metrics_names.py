"""The names of all metrics, by Prometheus's conventions, with their help and labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["METERS", "Meter", "Sample"]

Sample = tuple[str, tuple[str, ...], float]
"""The name of a meter, the values of its labels but `model`, and the number."""
PARTITION = ("topic", "partition")


@dataclass(frozen=True)
class Meter:
    """One metric of a service; each of its series has the label `model` first.

    Attributes:
        name: as Prometheus stores it.
        kind: a counter never falls as long as the state folder is the same; a summary has nothing
            but its quantiles.
        help: one line.
        labels: beside `model`.
    """

    name: str
    kind: Literal["counter", "gauge", "summary"]
    help: str
    labels: tuple[str, ...] = ()


METERS: tuple[Meter, ...] = (
    Meter("millstream_up", "gauge", "1 while the service runs and writes its state"),
    Meter("millstream_paused", "gauge", "1 while no round may begin"),
    Meter("millstream_status_age_seconds", "gauge", "Since the service last wrote its state"),
    Meter("millstream_round_number", "gauge", "The round in progress, or the last one"),
    Meter("millstream_round_step", "gauge", "Step of the round in progress, 1 to 7"),
    Meter("millstream_round_epochs", "gauge", "Epochs done in the round in progress"),
    Meter("millstream_rounds_total", "counter", "Rounds that happened"),
    Meter("millstream_untrained_rounds_total", "counter", "Rounds that left the learner as it was"),
    Meter("millstream_damaged_rounds", "gauge", "Files of rounds that cannot be read"),
    Meter("millstream_last_round_timestamp_seconds", "gauge", "When the last round was planned"),
    Meter("millstream_records_read_total", "counter", "Records of all rounds"),
    Meter("millstream_records_sampled_total", "counter", "Records that were trained on"),
    Meter("millstream_records_unchecked_total", "counter", "Records that were never decoded"),
    Meter(
        "millstream_dead_letters_total", "counter", "Records that were dead-lettered", ("reason",)
    ),
    Meter("millstream_gaps_records_total", "counter", "Records that the broker deleted unread"),
    Meter("millstream_pending_records", "gauge", "Records that wait for the next round"),
    Meter("millstream_records_per_second", "gauge", "Records read, by partition", PARTITION),
    Meter("millstream_lag_records", "gauge", "Records in Kafka that were not read yet", PARTITION),
    Meter("millstream_position_offset", "gauge", "The next offset to read", PARTITION),
    Meter("millstream_end_offset", "gauge", "The offset after the last record", PARTITION),
    Meter(
        "millstream_partition_age_seconds", "gauge", "Since the partition was told of", PARTITION
    ),
    Meter("millstream_round_seconds", "gauge", "What the last round took, by part", ("step",)),
    Meter("millstream_seconds_total", "counter", "What all rounds took, by part", ("step",)),
    Meter("millstream_bottleneck", "gauge", "1 for what the last round was", ("bound",)),
    Meter(
        "millstream_prequential_score",
        "gauge",
        "Score on new records before they were trained on",
        ("metric", "who"),
    ),
    Meter("millstream_drifts_total", "counter", "Rounds in which a drift was found"),
    Meter("millstream_history_rows", "gauge", "Rows of the past that are kept"),
    Meter("millstream_versions_promoted_total", "counter", "Versions that became the champion"),
    Meter("millstream_versions_refused_total", "counter", "Versions that did not"),
    Meter("millstream_refusals_in_a_row", "gauge", "Versions refused since the last promotion"),
    Meter("millstream_last_promotion_timestamp_seconds", "gauge", "When one last became champion"),
    Meter("millstream_champion_version", "gauge", "The version that users pull"),
    Meter("millstream_waiting_rounds", "gauge", "Rounds that MLflow has not taken yet"),
    Meter(
        "millstream_event_to_model_seconds",
        "summary",
        "Age of its records when the last version was promoted",
        ("quantile",),
    ),
    Meter("millstream_model_bytes", "gauge", "Size of the last version's model", ("form",)),
)
