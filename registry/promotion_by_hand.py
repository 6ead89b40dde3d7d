"""A person moves `champion`: back to a version that was good, or on to any."""

from __future__ import annotations

from typing import TYPE_CHECKING

from registry.errors import StoreError, VersionNotFound
from registry.promotion import Step, move_champion, moving_aliases, point_candidate
from registry.reading import aliases_of
from registry.reference import CHAMPION, PREVIOUS

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["promote_by_hand"]


def promote_by_hand(
    client: MlflowClient, name: str, version: int | None, told: tuple[str, str], on_step: Step
) -> int:
    """Make a version the champion; nothing is done where it is the champion already.

    Args:
        client: MLflow's client.
        name: the registered model.
        version: which; None for the one that was the champion before.
        told: who and why, for the journal.
        on_step: called with a step's name after each change.

    Returns:
        The version.

    Raises:
        VersionNotFound: none was the champion before.
        StoreError: somebody who takes no turns moved the alias meanwhile.
    """
    if aliases_of(client, name) is None:
        raise VersionNotFound(f'no model "{name}" is registered')
    who, _ = told
    with moving_aliases(client, name, on_step) as (turn, finished):
        number = turn.aliases.get(PREVIOUS) if version is None else version
        if version is None and finished is not None and finished.who == who:
            number = finished.to_version  # asked for once, cut short, and asked for again
        if number is None:
            raise VersionNotFound(
                f"{name}@{PREVIOUS} does not exist: no version was the champion before, or it has"
                " been deleted; name a version, see `millstream versions`"
            )
        if turn.aliases.get(CHAMPION) == number:
            return number
        if not move_champion(turn, number, *told, on_step):
            raise StoreError(
                f"{name}: version {turn.aliases.get(CHAMPION)} became the champion at this very"
                f" moment by other means, so version {number} did not; try again"
            )
        point_candidate(turn, on_step)
    return number
