"""The numbers of all rounds and of the newest one, from the round store."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, get_args

from ingest.formats.value_checks import BadKind
from millstream.rounds.totals import Totals
from millstream.watch.metrics_names import Sample
from millstream.watch.verdict import BOUNDS, parts_of

__all__ = ["samples_of_rounds"]

REASONS: tuple[str, ...] = get_args(BadKind)
QUANTILES = {"0.5": "p50_s", "0.95": "p95_s"}
FORMS = {"float32": "float32_bytes", "flatbuffer": "bytes", "shipped": "gzip_bytes"}


def samples_of_rounds(totals: Totals) -> Iterator[Sample]:
    """The samples of some totals; nothing is told of what has not happened yet."""
    yield from counters_of(totals)
    for name, value in (
        ("last_round_timestamp_seconds", totals.round_ms),
        ("last_promotion_timestamp_seconds", totals.promoted_ms),
    ):
        if value is not None:
            yield f"millstream_{name}", (), value / 1000
    yield from samples_of_report(totals.report, totals.published)
    bound = totals.verdict.get("bound")
    for each in BOUNDS if bound else ():
        yield "millstream_bottleneck", (each,), float(each == bound)
    for form, key in FORMS.items():
        if (size := totals.version.get(key)) is not None:
            yield "millstream_model_bytes", (form,), float(size)
    latency = totals.champion.get("event_to_model") or {}
    for quantile, key in QUANTILES.items():
        if (seconds := latency.get(key)) is not None:
            yield "millstream_event_to_model_seconds", (quantile,), float(seconds)


def counters_of(totals: Totals) -> Iterator[Sample]:
    """The samples of the sums."""
    sums = {
        "rounds_total": totals.rounds,
        "untrained_rounds_total": totals.untrained,
        "damaged_rounds": totals.damaged,
        "records_read_total": totals.records,
        "records_sampled_total": totals.sampled,
        "records_unchecked_total": totals.unchecked,
        "gaps_records_total": totals.missing,
        "drifts_total": totals.drifts,
        "versions_promoted_total": totals.promoted,
        "versions_refused_total": totals.refused,
        "refusals_in_a_row": totals.refusals,
    }
    for name, value in sums.items():
        yield f"millstream_{name}", (), float(value)
    # From 0 on, as nobody sees a counter rise that was not there before.
    for reason, count in sorted({**dict.fromkeys(REASONS, 0), **totals.kinds}.items()):
        yield "millstream_dead_letters_total", (reason,), float(count)
    for step, seconds in sorted(totals.seconds.items()):
        yield "millstream_seconds_total", (step,), seconds


def samples_of_report(report: Mapping[str, Any], published: Mapping[str, Any]) -> Iterator[Sample]:
    """The samples of the last round: what it took, and what was scored before it was trained."""
    for step, seconds in sorted(parts_of(report, published).items()):
        yield "millstream_round_seconds", (step,), float(seconds)
    for who, scores in sorted(report.get("prequential", {}).items()):
        if not isinstance(scores, Mapping) or who in ("faded", "slices", "state"):
            continue
        for metric, value in sorted(scores.items()):
            if isinstance(value, float):
                yield "millstream_prequential_score", (metric, who), value
