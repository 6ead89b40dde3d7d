"""The aliases `champion`, `previous` and `candidate`, moved in turn and written in the journal.

A move is a list of steps that can be cut short anywhere; who takes the next turn goes on with it:

    1. tag `millstream.promotion` of the model: the entry of the journal, `begun`
    2. alias `champion`
    3. alias `previous`: what was the champion
    4. tag `millstream.promotion.000017` of the version: the entry for good
    5. tag `millstream.promotion` of the model: the entry again, no longer `begun`
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from registry.journal import NEWEST, Promotion
from registry.reference import CANDIDATE, CHAMPION, PREVIOUS
from registry.tags import PROMOTE
from registry.turn import Turn, taking_turn

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Step", "move_champion", "moving_aliases", "point_candidate"]

log = logging.getLogger("millstream")
Step = Callable[[str], None]


@contextmanager
def moving_aliases(
    client: MlflowClient, name: str, on_step: Step
) -> Iterator[tuple[Turn, Promotion | None]]:
    """Take the turn at a model's aliases; what another was killed in is finished first.

    Gives the turn, and the move that was finished, if there was one.

    Raises:
        StoreError: others do not end their turn.
    """
    with taking_turn(client, name) as turn:
        on_step("turn")
        begun = Promotion.parse(turn.tags.get(NEWEST, ""))
        if begun is not None and begun.state != "begun":
            begun = None
        if begun is not None:
            log.warning(
                "%s: the move of %s from version %s to %d, by %s, was cut short; it is finished",
                *(name, CHAMPION, begun.from_version, begun.to_version, begun.who),
            )
            finish(turn, begun, on_step)
            turn.look()
            point_candidate(turn, on_step)
        yield turn, begun


def move_champion(turn: Turn, version: int, who: str, why: str, on_step: Step) -> bool:
    """Point `champion` at another version and `previous` at the one before, by the journal.

    Returns:
        False if `champion` was moved in between by somebody who does not take turns: then nothing
        was changed.

    Raises:
        StoreError: it took so long that it may be another's turn.
    """
    turn.check()
    last = Promotion.parse(turn.tags.get(NEWEST, ""))
    champion = turn.aliases.get(CHAMPION)
    number = 1 if last is None else last.number + 1
    entry = Promotion.new(number, (champion, version), who, why)
    turn.client.set_registered_model_tag(turn.name, NEWEST, entry.to_text())
    on_step("journal")
    return finish(turn, entry, on_step)


def finish(turn: Turn, entry: Promotion, on_step: Step) -> bool:
    """Steps 2 to 5 of a move, those that are not done; whether `champion` is where it leads."""
    client, name, before = turn.client, turn.name, entry.from_version
    turn.look()
    if turn.aliases.get(CHAMPION) == before:
        with unless_gone():
            client.set_registered_model_alias(name, CHAMPION, str(entry.to_version))
        on_step("alias")
        turn.look()
    there = turn.aliases.get(CHAMPION) == entry.to_version
    if there and before is not None and turn.aliases.get(PREVIOUS) != before:
        with unless_gone():
            client.set_registered_model_alias(name, PREVIOUS, str(before))
        on_step("previous")
    told = entry.ended("done" if there else "overtaken")
    with unless_gone():
        client.set_model_version_tag(name, str(entry.to_version), entry.tag, told.to_text())
    on_step("entry")
    client.set_registered_model_tag(name, NEWEST, told.to_text())
    turn.note(NEWEST, told.to_text())
    on_step("journal_done")
    return there


@contextmanager
def unless_gone() -> Iterator[None]:
    """Leave out what is done to a version that somebody has deleted."""
    from mlflow.exceptions import MlflowException

    try:
        yield
    except MlflowException as e:
        if e.error_code != "RESOURCE_DOES_NOT_EXIST":
            raise


def point_candidate(turn: Turn, on_step: Step) -> None:
    """Point `candidate` at the newest version that was held back, if the champion is older."""
    client, name = turn.client, turn.name
    held_back = f"name = '{name}' and tags.`{PROMOTE}` = 'false'"
    newest = client.search_model_versions(
        held_back, max_results=1, order_by=["version_number DESC"]
    )
    number = max((int(version.version) for version in newest), default=0)
    wanted = number if number > turn.aliases.get(CHAMPION, 0) else None
    if wanted == turn.aliases.get(CANDIDATE):
        return
    if wanted is None:
        client.delete_registered_model_alias(name, CANDIDATE)
    else:
        client.set_registered_model_alias(name, CANDIDATE, str(wanted))
    on_step("candidate")
