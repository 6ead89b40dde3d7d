"""A history of a million rows: what a checkpoint costs, loading it, recalling some of it."""

from __future__ import annotations

import statistics
import tempfile
from pathlib import Path

import numpy as np
import psutil

from bench.sampling.race import print_table, timed
from ingest import Field, History, HistoryState, Rows, Schema, Segments, Selection

__all__ = ["keeping"]

ROWS = 1_000_000
FEATURES = 20
ROUNDS = 30
RECALLED = 20_000
SCHEMA = Schema(
    (*(Field(f"x{n}", "float32") for n in range(FEATURES)), Field("late", "bool", "label"))
)


def keeping(folder: Path, rows: int = ROWS, rounds: int = ROUNDS) -> dict[str, float]:
    """Measure, print, and give the numbers."""
    with tempfile.TemporaryDirectory(dir=folder) as name:
        return _keeping(Path(name), rows, rounds)


def _keeping(folder: Path, rows: int, rounds: int) -> dict[str, float]:
    selection = Selection(rows, 1, SCHEMA)
    history = History(selection, ("events",), Segments(folder))
    before = _rss_mb()
    for part in np.array_split(np.arange(rows), 10):
        history.offer(_rows(part))
    first = timed(lambda: history.save("000000"))
    offers, saves, states, seen = [], [], [], rows
    for number in range(1, rounds + 1):
        # Of so many new ones, as many as a hundredth of the sample come in.
        fresh = _rows(np.arange(seen, seen + seen // 99))
        seen += len(fresh)
        offers.append(timed(lambda fresh=fresh: history.offer(fresh)))
        saves.append(timed(lambda name=f"{number:06d}": states.append(history.save(name))))
    grown = _rss_mb() - before
    recalls = [timed(lambda e=epoch: history.recall(RECALLED, 1, e)) for epoch in range(5)]
    state = HistoryState.from_json(states[-1].to_json())
    loads = [timed(lambda: _load(selection, folder, state)) for _ in range(3)]
    on_disk = sum((folder / f"{name}.arrow").stat().st_size for name in state.segments) / 1e6
    found = {
        "history_checkpoint_s": statistics.median(saves),
        "history_checkpoint_worst_s": max(saves),
        "history_first_checkpoint_s": first,
        "history_offer_s": statistics.median(offers),
        "history_load_s": statistics.median(loads),
        "history_recall_s": statistics.median(recalls),
        "history_rss_growth_mb": grown,
    }
    _print(found, rows, rounds, len(state.segments), on_disk)
    return found


def _print(found: dict[str, float], rows: int, rounds: int, segments: int, on_disk: float) -> None:
    shown = {
        "the first checkpoint": "history_first_checkpoint_s",
        "offering the rows of a round": "history_offer_s",
        "a checkpoint when 1 % changed": "history_checkpoint_s",
        f"the slowest of {rounds} such": "history_checkpoint_worst_s",
        f"recalling {RECALLED:,} rows": "history_recall_s",
        "loading it": "history_load_s",
    }
    cells = {title: [f"{found[name]:.3f}"] for title, name in shown.items()}
    print_table(f"A history of {rows:,} rows of {FEATURES} float32", ["", "seconds"], cells)
    print(
        f"\nin memory: {found['history_rss_growth_mb']:,.0f} MB more than before;"
        f" on disk: {on_disk:,.0f} MB in {segments} segments"
    )


def _load(selection: Selection, folder: Path, state: HistoryState) -> None:
    history = History(selection, ("events",), Segments(folder))
    history.load(state)
    if not len(history):
        raise RuntimeError("expected a history, got no rows")


def _rss_mb() -> float:
    return float(psutil.Process().memory_info().rss / 1e6)


def _rows(offsets: np.ndarray) -> Rows:
    count = len(offsets)
    values = np.random.default_rng(int(offsets[0])).random((FEATURES, count), np.float32)
    return Rows(
        topics=("events",),
        topic=np.zeros(count, np.int32),
        partition=np.zeros(count, np.int32),
        offset=offsets.astype(np.int64),
        timestamp=offsets.astype(np.int64),
        columns={
            **{f"x{n}": values[n] for n in range(FEATURES)},
            "late": values[0] < 0.1,
        },
    )
