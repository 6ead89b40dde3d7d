"""Did-you-mean: the nearest of the names that would have been right."""

from collections.abc import Iterable
from difflib import get_close_matches


def choices(names: Iterable[str], limit: int = 12) -> str:
    """Return the names as a short list for an error message."""
    known = sorted(names)
    more = f" and {len(known) - limit} more" if len(known) > limit else ""
    return (", ".join(known[:limit]) or "none") + more


def did_you_mean(name: str, names: Iterable[str]) -> str:
    """Return `did you mean "x"?` for a near name, else which names there are."""
    known = sorted(names)
    near = get_close_matches(name, known, n=1, cutoff=0.6)
    return f'did you mean "{near[0]}"?' if near else f"there are: {choices(known)}"
