"""How learner and champion did on each slice of the last round's holdout."""

from __future__ import annotations

from typing import Any

from rich.table import Table

from millstream.watch.summary import RoundSummary

__all__ = ["slices_table"]


def slices_table(item: RoundSummary, metric: str) -> Table | None:
    """One line a slice; None if the round has no slices.

    Args:
        item: the round.
        metric: what is shown of learner and champion, before training.
    """
    by_who = item.prequential.get("slices", {})
    if not by_who.get("learner"):
        return None
    table = Table(header_style="bold", pad_edge=False, box=None)
    table.add_column(f"slice of round {item.number}", no_wrap=True)
    for name in ("rows", f"learner {metric}", f"champion {metric}"):
        table.add_column(name, justify="right", no_wrap=True)
    for name, slices in by_who["learner"].items():
        for value, scores in slices.items():
            champion = by_who.get("champion", {}).get(name, {}).get(value, {})
            told = (_number(scores, metric), _number(champion, metric))
            table.add_row(f"{name} = {value}", f"{scores['rows']:,}", *told)
    return table


def _number(scores: dict[str, Any], metric: str) -> str:
    return f"{scores[metric]:.3f}" if metric in scores else "-"
