"""Writers of a model's aliases take turns, since MLflow cannot compare and set.

Who wants to write puts a ticket, a tag of its own, on the registered model, and then looks. If it
is alone there, it is its turn until it takes the ticket away. Of two that put tickets at once each
looks after both are there, or one of them does: never do both find themselves alone. The smaller
ticket stays and waits, the other is taken back until nobody is left. It is Dekker's rule on a
register that all see; it needs no clock, only a store in which a read sees every write that ended
before it: SQLite and a PostgreSQL primary are such stores, a replica that lags is not.

A killed writer leaves its ticket. On the same host its process is seen to have ended; the ticket of
another host is dropped when nothing changed for `STALE_S`. A turn is over after `LEASE_S`, which is
less: a writer that was held up for longer writes nothing any more.
"""

from __future__ import annotations

import random
import time
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from registry.errors import StoreError
from registry.process import is_gone, my_mark
from registry.store_errors import foreign_errors

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["Turn", "taking_turn"]

TICKET = "millstream.turn."
LEASE_S = 60.0
STALE_S = 120.0
PATIENCE_S = 300.0
PAUSE_S = 0.1


class Turn:
    """What a model's aliases and tags are while nobody else of millstream's changes them.

    Args:
        client: MLflow's client.
        name: the registered model.
        ticket: the tag that says whose turn it is.
    """

    def __init__(self, client: MlflowClient, name: str, ticket: str) -> None:
        self.client, self.name, self._ticket = client, name, ticket
        self._noted: dict[str, str] = {}
        self._model = wait_for_turn(client, name, ticket)
        self._ends = time.monotonic() + LEASE_S

    @property
    def aliases(self) -> Mapping[str, int]:
        """Alias -> version, as last read."""
        return {alias: int(version) for alias, version in self._model.aliases.items()}

    @property
    def tags(self) -> Mapping[str, str]:
        """The registered model's tags, as last read or noted."""
        return {**self._model.tags, **self._noted}

    def note(self, tag: str, value: str) -> None:
        """Know of a tag that was written since."""
        self._noted[tag] = value

    def look(self) -> None:
        """Read aliases and tags again, and see that it is still the writer's turn.

        Raises:
            StoreError: it took so long that others may have gone on.
        """
        self._noted.clear()
        self._model = self.client.get_registered_model(self.name)
        self.check()

    def check(self) -> None:
        """See that it is still the writer's turn, as far as is known without asking.

        Raises:
            StoreError: as `look`.
        """
        if time.monotonic() > self._ends or self._ticket not in self._model.tags:
            raise StoreError(
                f"{self.name}: MLflow took longer than {LEASE_S:g} s, and another writer may have"
                " gone on; nothing more was changed: try again"
            )


@contextmanager
def taking_turn(client: MlflowClient, name: str) -> Iterator[Turn]:
    """Wait for the turn at a registered model's aliases, and end it with the block.

    Raises:
        StoreError: others did not end theirs in `PATIENCE_S`.
    """
    ticket = f"{TICKET}{uuid.uuid4().hex}"
    try:
        yield Turn(client, name, ticket)
    finally:
        # If MLflow is out of reach, the ticket is seen to be left over later.
        with suppress(*foreign_errors()):
            client.delete_registered_model_tag(name, ticket)


def wait_for_turn(client: MlflowClient, name: str, ticket: str) -> Any:
    """Put the ticket there, and return the registered model as read when it was alone."""
    waiting = Waiting(client, name, ticket)
    while True:
        waiting.put()
        model, others = waiting.look()
        if not others:
            return model
        if min(others) < ticket:
            client.delete_registered_model_tag(name, ticket)
            while others:
                _, others = waiting.look()


class Waiting:
    """Looks for others' tickets, and drops those that were left over.

    Args:
        client: MLflow's client.
        name: the registered model.
        ticket: the own.
    """

    def __init__(self, client: MlflowClient, name: str, ticket: str) -> None:
        self._client, self._name, self._ticket = client, name, ticket
        self._since: dict[tuple[str, str], float] = {}
        self._ends = time.monotonic() + PATIENCE_S
        self._looks = 0

    def put(self) -> None:
        """Write the own ticket, each time with another value, which shows that it is not stale."""
        value = f"{my_mark()} {self._looks}"
        self._client.set_registered_model_tag(self._name, self._ticket, value)

    def look(self) -> tuple[Any, list[str]]:
        """The registered model, and the tickets of others that are in force.

        Raises:
            StoreError: they have been for too long.
        """
        if self._looks:
            time.sleep(PAUSE_S * (0.5 + random.random()))  # noqa: S311 - so that two do not keep step
        self._looks += 1
        model = self._client.get_registered_model(self._name)
        others = {
            key: value
            for key, value in model.tags.items()
            if key.startswith(TICKET) and key != self._ticket
        }
        for key, value in list(others.items()):
            if self._is_left_over(key, value):
                self._client.delete_registered_model_tag(self._name, key)
                del others[key]
        if others and time.monotonic() > self._ends:
            raise StoreError(
                f"{self._name}: others have been changing its aliases for {PATIENCE_S:g} s"
                f" ({', '.join(sorted(others.values()))}); see what they do, and try again"
            )
        return model, sorted(others)

    def _is_left_over(self, key: str, value: str) -> bool:
        since = self._since.setdefault((key, value), time.monotonic())
        return is_gone(value.split(" ")[0]) or time.monotonic() - since > STALE_S
