"""Aliases and the journal: what the gate does, what people do, and what either may not undo."""

from __future__ import annotations

import json

import pytest
from mlflow import MlflowClient
from quick_versions import aliases, moves, quick_publication, quick_publish, quick_version

from registry import ModelRegistry, VersionNotFound
from registry.journal import Promotion


def test_each_alias_is_where_it_belongs(flights: ModelRegistry) -> None:
    quick_publish(flights, 1)
    assert aliases(flights) == {"champion": 1}
    quick_publish(flights, 2)
    assert aliases(flights) == {"champion": 2, "previous": 1}
    quick_publish(flights, 3, promote=False)
    quick_publish(flights, 4, promote=False)
    assert aliases(flights) == {"champion": 2, "previous": 1, "candidate": 4}
    quick_publish(flights, 5)
    assert aliases(flights) == {"champion": 5, "previous": 2}
    assert moves(flights) == [(1, None, 1, "done"), (2, 1, 2, "done"), (3, 2, 5, "done")]


def test_a_candidate_without_a_champion(flights: ModelRegistry) -> None:
    quick_publish(flights, 1, promote=False)
    assert aliases(flights) == {"candidate": 1}
    assert flights.journal() == []


def test_the_journal_tells_who_why_and_when(flights: ModelRegistry) -> None:
    quick_publish(flights, 1)
    quick_publish(flights, 2, reason="auc 0.8000 against 0.7000")
    flights.rollback(reason="it refuses all of Monday", who="ada")
    first, second, back = flights.journal()
    assert (first.who, second.who, back.who) == ("millstream service", "millstream service", "ada")
    assert (second.why, back.why) == ("auc 0.8000 against 0.7000", "it refuses all of Monday")
    assert first.when < second.when < back.when
    assert first.when.endswith("+00:00")
    assert first.host
    tags = flights.version(1).tags
    assert Promotion.parse(tags["millstream.promotion.000003"]) == back
    newest = MlflowClient(flights.tracking_uri).get_registered_model("flights").tags
    assert json.loads(newest["millstream.promotion"]) == back.to_json()
    assert not [key for key in newest if key.startswith("millstream.turn.")]


def test_an_entry_fits_into_a_tag(flights: ModelRegistry) -> None:
    quick_publish(flights, 1, reason="\N{SNOWMAN}\n" * 3000)
    (entry,) = flights.journal()
    assert len(entry.to_text()) < 5000
    assert entry.why.startswith("\N{SNOWMAN}")


def test_an_entry_of_a_later_release_counts(flights: ModelRegistry) -> None:
    quick_publish(flights, 1)
    client = MlflowClient(flights.tracking_uri)
    newest = json.loads(client.get_registered_model("flights").tags["millstream.promotion"])
    client.set_registered_model_tag(
        "flights", "millstream.promotion", json.dumps(newest | {"number": 7, "ticket": "x"})
    )
    quick_publish(flights, 2)
    assert moves(flights)[-1] == (8, 1, 2, "done")


def test_roll_back_and_back_again(flights: ModelRegistry) -> None:
    for number in (1, 2, 3):
        quick_publish(flights, number)
    assert flights.rollback().version == 2
    assert aliases(flights) == {"champion": 2, "previous": 3}
    assert flights.rollback().version == 3
    assert flights.rollback(1).version == 1
    assert aliases(flights) == {"champion": 1, "previous": 3}
    assert flights.rollback(1).version == 1
    assert moves(flights)[3:] == [(4, 3, 2, "done"), (5, 2, 3, "done"), (6, 3, 1, "done")]


def test_roll_back_makes_a_refused_version_a_candidate_again(flights: ModelRegistry) -> None:
    quick_publish(flights, 1)
    quick_publish(flights, 2, promote=False)
    quick_publish(flights, 3)
    assert aliases(flights) == {"champion": 3, "previous": 1}
    flights.rollback()
    assert aliases(flights) == {"champion": 1, "previous": 3, "candidate": 2}
    flights.promote(2, "it is good for the north")
    assert aliases(flights) == {"champion": 2, "previous": 1}


def test_roll_back_to_what_is_not_there(flights: ModelRegistry) -> None:
    with pytest.raises(VersionNotFound, match='no model "flights"'):
        flights.rollback()
    quick_publish(flights, 1)
    with pytest.raises(VersionNotFound, match="flights@previous does not exist"):
        flights.rollback()
    with pytest.raises(VersionNotFound, match="flights/7 does not exist"):
        flights.rollback(7)
    assert moves(flights) == [(1, None, 1, "done")]


def test_a_champion_that_the_gate_did_not_compare_with(flights: ModelRegistry) -> None:
    """A roll-back stays until the gate compares with the version that was rolled back to."""
    quick_publish(flights, 1)
    quick_publish(flights, 2)
    flights.rollback(reason="bad")
    overtaken = quick_publish(flights, 3, compared_with=2)
    assert (overtaken.promoted, overtaken.is_decided) == (False, False)
    assert overtaken.reason == (
        "the gate compared it with version 2 as the champion, and by now there is version 1 as the"
        " champion"
    )
    assert aliases(flights) == {"champion": 1, "previous": 2, "candidate": 3}
    again = flights.publish(
        quick_publication(3, compared_with=1, reason="better than 1", metrics={"gate_gain": 0.25})
    )
    assert (again.promoted, again.is_decided, again.reason) == (True, True, "better than 1")
    assert again.tags["millstream.compared_with"] == "1"
    assert again.metrics["gate_gain"] == 0.25
    assert aliases(flights) == {"champion": 3, "previous": 1}
    run = MlflowClient(flights.tracking_uri).get_run(again.run_id)
    assert run.data.tags["millstream.reason"] == "better than 1"
    assert flights.publish(quick_publication(3, compared_with=2, promote=False)) == again


def test_the_gate_may_refuse_the_second_time(flights: ModelRegistry) -> None:
    quick_publish(flights, 1)
    quick_publish(flights, 2, compared_with=None)
    said = flights.publish(
        quick_publication(2, compared_with=1, promote=False, reason="worse than 1")
    )
    assert (said.promoted, said.is_decided, said.reason) == (False, True, "worse than 1")
    assert aliases(flights) == {"champion": 1, "candidate": 2}


def test_no_older_version_takes_the_alias_of_a_newer_one(flights: ModelRegistry) -> None:
    """A publisher that was held up does not win over one that came after it."""
    late = quick_publication(1)
    quick_version(flights, late)
    quick_publish(flights, 2)
    said = flights.publish(late)
    assert (said.promoted, said.is_decided) == (False, True)
    assert said.reason == "version 2, which is the champion by now, is newer"
    assert aliases(flights) == {"champion": 2}


def test_an_alias_that_somebody_moves_at_the_same_moment(flights: ModelRegistry) -> None:
    """MLflow's own page takes no turns: what it did is not undone, and the journal says so."""
    quick_publish(flights, 1)
    quick_publish(flights, 2)
    client = MlflowClient(flights.tracking_uri)

    def on_step(step: str) -> None:
        if step == "journal":
            client.set_registered_model_alias("flights", "champion", "1")

    disturbed = ModelRegistry("flights", flights.tracking_uri, on_step=on_step)
    said = quick_publish(disturbed, 3)
    assert (said.promoted, said.is_decided) == (False, False)
    assert aliases(flights) == {"champion": 1, "previous": 1, "candidate": 3}
    assert moves(flights)[-1] == (3, 2, 3, "overtaken")
    assert flights.publish(quick_publication(3, compared_with=1)).promoted
    assert moves(flights)[-1] == (4, 1, 3, "done")


def test_a_move_to_a_version_that_is_gone_is_told_and_left(flights: ModelRegistry) -> None:
    """It was cut short, and somebody deleted its version before anybody could finish it."""
    quick_publish(flights, 1)
    client = MlflowClient(flights.tracking_uri)
    begun = Promotion(2, 1, 9, "ada", "there", "2026-01-01T00:00:00.000+00:00", "better")
    client.set_registered_model_tag("flights", "millstream.promotion", begun.to_text())
    quick_publish(flights, 2)
    assert aliases(flights) == {"champion": 2, "previous": 1}
    assert moves(flights) == [(1, None, 1, "done"), (3, 1, 2, "done")]
