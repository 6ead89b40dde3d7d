"""What people do, and other settings, between a kill and the publication that finishes."""

from __future__ import annotations

from typing import Any

import pytest
from quick_versions import (
    aliases,
    moves,
    quick_publication,
    quick_publish,
    quick_run,
    quick_version,
)

from registry import Artifact, ModelRegistry


class Killed(BaseException):
    """Stands for a kill: nothing catches it."""


def publish_until(registry: ModelRegistry, step: str, number: int, **changes: Any) -> None:
    """Publish a round, and die after a step."""

    def on_step(name: str) -> None:
        if name == step:
            raise Killed

    publication = quick_publication(number, **changes)
    quick_version(registry, publication)
    with pytest.raises(Killed):
        ModelRegistry(registry.name, registry.tracking_uri, on_step=on_step).publish(publication)


@pytest.fixture
def three(flights: ModelRegistry) -> ModelRegistry:
    """Versions 1 to 3, each promoted."""
    for number in (1, 2, 3):
        quick_publish(flights, number)
    return flights


@pytest.mark.parametrize("step", ["journal", "alias", "journal_done"])
@pytest.mark.parametrize("content", ["model of round 4", "other bytes"])
def test_what_a_person_rolled_back_is_not_promoted_again(
    three: ModelRegistry, step: str, content: str
) -> None:
    """The roll-back leads to what was the champion before, and the restart leaves it there."""
    publish_until(three, step, 4, compared_with=3)
    assert three.rollback(who="ada").version == 3
    assert aliases(three) == {"champion": 3, "previous": 4}
    again = quick_publication(4, compared_with=3, artifact=Artifact("float32", content.encode()))
    quick_run(three, again)
    said = three.publish(again)
    assert (said.version, said.is_decided, said.aliases) == (4, True, ("previous",))
    assert aliases(three) == {"champion": 3, "previous": 4}
    assert moves(three)[3:] == [(4, 3, 4, "done"), (5, 4, 3, "done")]


def test_settings_that_changed_meanwhile_do_not_stop_it(three: ModelRegistry) -> None:
    """MLflow takes no other value of a param; what the gate says by now is told all the same."""
    publish_until(three, "turn", 4, compared_with=3, params={"epochs": "3"})
    said = three.publish(
        quick_publication(
            4, compared_with=3, params={"epochs": "4"}, metrics={"gate_gain": 0.5}, reason="by now"
        )
    )
    assert (said.version, said.is_decided, said.reason) == (4, True, "by now")
    assert said.metrics["gate_gain"] == 0.5
    assert aliases(three) == {"champion": 4, "previous": 3}
