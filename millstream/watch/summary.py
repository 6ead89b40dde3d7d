"""One line per round, for tables: the terminal's, the demo's and `millstream status`."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from ingest import OffsetRange
from millstream.rounds.store import RoundFolder, RoundStore
from millstream.rounds.unreadable import UNREADABLE, lost_round, why_unreadable

__all__ = ["DamagedRound", "RoundSummary", "look_back", "rounds_table", "summaries"]


@dataclass(frozen=True)
class RoundSummary:
    """What a round was made of and what became of it.

    Attributes:
        number: the round.
        ranges: offset range per partition.
        records: records in the ranges; `bad` of them were dead-lettered, `unchecked` not decoded,
            `sampled` trained on.
        history: rows of the past that were kept, of which `recalled` were trained on again, by the
            ratio of `history_ratio` to those of the window; 0 when none are kept.
        missing: offsets of the ranges that the broker had deleted before they were read.
        epochs: epochs trained; `stopped_early` when early stopping ended them.
        prequential: scores by who (learner, majority_class, ...) and metric.
        float32_bytes: size of the float32 export.
        shipped_bytes: size of the chosen rung as it is stored and pulled (gzip).
        rung: the chosen rung.
        version: number in the registry, or None.
        promoted: whether it became champion.
        reason: why, or why not.
        kinds: how many records were dead-lettered, by reason.
        verdict: what was in the way (`millstream.watch.verdict`); None before publication has
            ended.
        event_to_model: how old the records were when the version was promoted
            (`millstream.watch.event_to_model`); None if it was not.
    """

    number: int
    ranges: tuple[OffsetRange, ...]
    records: int
    bad: int
    unchecked: int
    sampled: int
    history: int
    recalled: int
    history_ratio: float
    missing: int
    epochs: int
    stopped_early: bool
    prequential: dict[str, Any]
    float32_bytes: int | None
    shipped_bytes: int | None
    rung: str
    version: int | None
    promoted: bool
    reason: str
    kinds: dict[str, int] = field(default_factory=dict)
    verdict: dict[str, Any] | None = None
    event_to_model: dict[str, Any] | None = None

    @classmethod
    def of(cls, folder: RoundFolder) -> RoundSummary:
        """Read a complete round's files."""
        report, published = folder.report(), folder.published() or {}
        past = report.get("history", {})
        plan = folder.plan()
        return cls(
            number=folder.number,
            ranges=plan.ranges,
            missing=plan.missing,
            records=report["counts"]["seen"],
            bad=report["counts"]["bad"],
            unchecked=report["counts"].get("unchecked", 0),
            sampled=report["sampled"],
            history=past.get("rows", 0),
            recalled=past.get("recalled", 0),
            history_ratio=past.get("ratio", 0.0),
            epochs=report["training"]["epochs"],
            stopped_early=report["training"]["stopped_early"],
            prequential=report["prequential"],
            float32_bytes=published.get("float32_bytes"),
            shipped_bytes=published.get("gzip_bytes"),
            rung=published.get("rung", ""),
            version=published.get("version"),
            promoted=published.get("promoted", False),
            reason=published.get("reason", "not published yet"),
            kinds=report["counts"].get("kinds", {}),
            verdict=published.get("verdict"),
            event_to_model=published.get("event_to_model"),
        )


@dataclass(frozen=True)
class DamagedRound:
    """A round that happened and cannot be shown.

    Attributes:
        number: the round.
        error: the place, what was expected there and found, and the remedy.
    """

    number: int
    error: str


def summaries(store: RoundStore) -> list[RoundSummary]:
    """All complete rounds that had records, oldest first."""
    return [RoundSummary.of(folder) for folder in store.complete() if folder.number > 0]


def look_back(
    store: RoundStore, most: int | None = None
) -> tuple[list[RoundSummary], list[DamagedRound]]:
    """All rounds that had records, or the last so many, and those of them that cannot be read.

    Both are oldest first; rounds before the last so many are not read.
    """
    there = {folder.number: folder for folder in store.found()}
    last = max(there, default=0)
    told: list[RoundSummary] = []
    damaged: list[DamagedRound] = []
    for number in range(1 if most is None else max(1, last + 1 - most), last + 1):
        try:
            if number in there:
                told.append(RoundSummary.of(there[number]))
            else:
                damaged.append(DamagedRound(number, lost_round(store.folder(number).path)))
        except UNREADABLE as error:
            damaged.append(DamagedRound(number, why_unreadable(there[number].path, error)))
    return told, damaged


def rounds_table(rounds: list[RoundSummary], metrics: tuple[str, str]) -> Table:
    """The table of rounds, with two metrics beside the baselines'."""
    table = Table(
        box=SIMPLE_HEAD,
        header_style="bold",
        pad_edge=False,
        padding=(0, 1, 0, 0),
        caption="offsets: where each partition's range ends; it began where the round before ended."
        " * stopped early",
        caption_justify="left",
    )
    table.add_column("round", justify="right")
    table.add_column("offsets up to", justify="right", min_width=13, max_width=13)
    for name in ("records", "bad", "sampled", "epochs"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("before training", no_wrap=True)
    for metric in metrics:
        table.add_column(metric, justify="right", no_wrap=True)
    for name in ("float32\nbytes", "shipped\n(gzip)", "version"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("promoted, or why not", overflow="fold", min_width=24)
    for item in rounds:
        table.add_row(*_cells(item, metrics), style=None if item.promoted else "dim")
    return table


def _cells(item: RoundSummary, metrics: tuple[str, str]) -> list[str]:
    return [
        str(item.number),
        " ".join(str(part.end) for part in item.ranges),
        f"{item.records:,}",
        f"{item.bad:,}",
        f"{item.sampled:,}" + (f"\n+{item.recalled:,}" if item.recalled else ""),
        f"{item.epochs}{'*' if item.stopped_early else ' '}",
        "learner\nmajority class\nno change",
        *(_scores(item.prequential, metric) for metric in metrics),
        f"{item.float32_bytes:,}" if item.float32_bytes else "-",
        f"{item.shipped_bytes:,}" if item.shipped_bytes else "-",
        str(item.version) if item.version else "-",
        ("yes: " if item.promoted else "no: ") + item.reason,
    ]


def _scores(prequential: dict[str, Any], metric: str) -> str:
    parts = []
    for who in ("learner", "majority_class", "no_change"):
        value = prequential.get(who, {}).get(metric)
        parts.append("-" if value is None else f"{value:.3f}")
    return "\n".join(parts)
