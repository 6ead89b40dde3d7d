"""A part of a backlog, with something of every partition in it."""

from __future__ import annotations

from ingest.position import Position

__all__ = ["fair_share"]


def fair_share(start: Position, end: Position, most: int) -> Position:
    """Where to stop between two positions so that `most` offsets at most lie before it.

    Every partition goes the same share of its way, so that all of them reach the end together,
    whatever their lengths; one that has anything left goes on by one offset at least (if there are
    more of those than `most`, the longest do). A function of its arguments alone.

    Args:
        start: a partition that it does not know is at 0.
        end: not before the start; what it does not name is left out.
        most: offsets, at least 0.
    """
    at = {(t, p): start.get(t, p) or 0 for t, p, _ in end.items()}
    left = {(t, p): offset - at[t, p] for t, p, offset in end.items() if offset > at[t, p]}
    if sum(left.values()) <= most:
        return end
    taken = _in_proportion(left, most)
    return Position.of((t, p, offset + taken.get((t, p), 0)) for (t, p), offset in at.items())


def _in_proportion(left: dict[tuple[str, int], int], most: int) -> dict[tuple[str, int], int]:
    """How much each gets: one, and a share of the rest by largest remainder."""
    chosen = sorted(left, key=lambda part: -left[part])[:most]
    rest, whole = most - len(chosen), sum(left[part] - 1 for part in chosen)
    if rest == 0:
        return dict.fromkeys(chosen, 1)
    shares = {part: divmod((left[part] - 1) * rest, whole) for part in chosen}
    over = rest - sum(quotient for quotient, _ in shares.values())
    luckiest = set(sorted(chosen, key=lambda part: -shares[part][1])[:over])
    return {part: 1 + quotient + (part in luckiest) for part, (quotient, _) in shares.items()}
