"""How the live state looks in a terminal, while it runs and in one look."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from millstream.cli.view_parts import damaged_facts, extra_facts, partitions_table
from millstream.cli.view_slices import slices_table
from millstream.watch.board import STEPS, LiveState
from millstream.watch.summary import DamagedRound, RoundSummary

__all__ = ["SHOWN", "live_view", "round_line"]

SHOWN = 12


def live_view(
    state: LiveState,
    rounds: list[RoundSummary],
    metric: str,
    damaged: Sequence[DamagedRound] = (),
) -> RenderableType:
    """The state in a few lines, and the last rounds below."""
    facts = Table.grid(padding=(0, 2))
    facts.add_column()
    facts.add_column(overflow="fold")  # a path that is cut is of no use
    facts.add_row("phase", Text(_phase(state), style="bold"))
    lag = "unknown" if state.lag is None else f"{state.lag:,}"
    facts.add_row(
        "records",
        f"{state.records:,} read · {state.records_per_s:,.0f}/s · lag {lag} ·"
        f" {state.pending:,} wait for the next round · {state.bad:,} dead-lettered"
        + (f" · {state.unchecked:,} not checked" if state.unchecked else "")
        + (f" · {state.missing:,} deleted by the broker unread" if state.missing else ""),
    )
    losses = "  ".join(f"{name} {value:.4f}" for name, value in state.losses.items())
    facts.add_row("training", f"round {state.round} · epoch {state.epoch}  {losses}")
    if state.history_rows:
        facts.add_row("history", f"{state.history_rows:,} rows · ratio {state.history_ratio:.2f}")
    if state.drift:
        facts.add_row("drift", state.drift)
    champion = f"version {state.champion}" if state.champion else "none yet"
    facts.add_row("champion", champion)
    if state.waiting:
        facts.add_row("publishing", f"{state.waiting:,} rounds wait · {state.waiting_why}")
    for name, told in (*extra_facts(state), *damaged_facts(damaged)):
        facts.add_row(name, told)
    parts: list[RenderableType] = [facts]
    for table in (
        partitions_table(state.partitions),
        _rounds(rounds[-SHOWN:], metric),
        slices_table(rounds[-1], metric) if rounds else None,
    ):
        if table is not None:
            parts += ["", table]
    return Group(*parts)


def round_line(item: RoundSummary, metric: str) -> str:
    """One finished round in one line, for logs and pipes."""
    score = item.prequential.get("learner", {}).get(metric)
    told = f"{metric} {score:.4f}" if score is not None else "no score"
    shipped = f", {item.float32_bytes:,} -> {item.shipped_bytes:,} bytes" if item.rung else ""
    version = f"version {item.version}" if item.version else "no version"
    verdict = "promoted" if item.promoted else "not promoted"
    early = ", stopped early" if item.stopped_early else ""
    unchecked = f" ({item.unchecked:,} not checked)" if item.unchecked else ""
    past = f" and {item.recalled:,} recalled" if item.recalled else ""
    missing = f" ({item.missing:,} deleted by the broker unread)" if item.missing else ""
    return (
        f"round {item.number}: {item.records:,} records{unchecked}{missing},"
        f" {item.sampled:,} sampled{past}, {item.epochs} epochs{early}, {told} before"
        f" training{shipped}; {version} {verdict}: {item.reason}"
    )


def _phase(state: LiveState) -> str:
    if state.phase != "running":
        return f"{state.phase} {state.note}".strip()
    paused = f" · {state.note}" if state.note.startswith("paused") else ""
    return f"step {state.step} of 7: {STEPS.get(state.step, '')}{paused}"


def _rounds(rounds: list[RoundSummary], metric: str) -> Table:
    table = Table(header_style="bold", pad_edge=False, box=None)
    for name in ("round", "records", "epochs", metric, "majority", "no change", "bytes", "version"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", no_wrap=True)
    for item in rounds:
        scores = [
            item.prequential.get(who, {}).get(metric)
            for who in ("learner", "majority_class", "no_change")
        ]
        table.add_row(
            str(item.number),
            f"{item.records:,}",
            f"{item.epochs}{'*' if item.stopped_early else ' '}",
            *("-" if score is None else f"{score:.3f}" for score in scores),
            f"{item.shipped_bytes:,}" if item.shipped_bytes else "-",
            str(item.version or "-"),
            "promoted" if item.promoted else "",
            style=None if item.promoted else "dim",
        )
    if rounds:
        table.caption = "* stopped early"
    return table
