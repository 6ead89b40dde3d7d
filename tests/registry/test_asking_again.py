"""The service asks the gate again if the champion changed while it was asked, and not forever."""

from __future__ import annotations

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from quick_versions import aliases, moves, quick_publication, quick_publish, quick_version

from millstream.publishing.promoting import TRIES, publish_until_decided
from millstream.watch.seconds import Seconds
from registry import ModelRegistry, ModelVersion, Publication


def publish(
    flights: ModelRegistry, meanwhile: Callable[[int], object]
) -> tuple[dict[str, Any], ModelVersion]:
    """Publish round 4; `meanwhile` happens after each comparison, with its number from 0."""
    asked = []

    def judge(before: ModelVersion | None) -> tuple[Publication, dict[str, Any]]:
        compared = None if before is None else before.version
        made = quick_publication(4, compared_with=compared, reason=f"better than {compared}")
        if not asked:
            quick_version(flights, made)
        meanwhile(len(asked))
        asked.append(compared)
        return made, {"compared": list(asked)}

    pipeline: Any = SimpleNamespace(registry=flights)
    return publish_until_decided(pipeline, flights.champion(), judge, Seconds())


@pytest.fixture
def three(flights: ModelRegistry) -> ModelRegistry:
    for number in (1, 2, 3):
        quick_publish(flights, number)
    return flights


def test_a_roll_back_while_the_gate_is_asked(three: ModelRegistry) -> None:
    noted, version = publish(three, lambda asked: asked == 0 and three.rollback(1, "bad"))
    assert noted == {"compared": [3, 1]}
    assert (version.promoted, version.reason) == (True, "better than 1")
    assert aliases(three) == {"champion": 4, "previous": 1}
    assert moves(three)[-2:] == [(4, 3, 1, "done"), (5, 1, 4, "done")]


def test_a_champion_that_changes_each_time(three: ModelRegistry) -> None:
    noted, version = publish(three, lambda asked: three.rollback(1 + asked % 2))
    assert noted["compared"] == [3, 1, 2]
    assert len(noted["compared"]) == TRIES
    assert (version.promoted, version.is_decided) == (False, True)
    assert version.reason.startswith("the champion changed 3 times while the gate was asked")
    assert aliases(three) == {"champion": 1, "previous": 2, "candidate": 4}
