"""Publishing a round to MLflow in steps that can be cut short anywhere and done again.

The order is the design. What exists is looked up by the round's tag before it is made:

    1. experiment and registered model
    2. run, with all tags, status RUNNING
    3. metrics and params
    4. artifacts, all in one folder
    5. run FINISHED: it is complete
    6. the turn at the model's aliases (`registry.turn`); what follows is done by one at a time
    7. version, with all tags, from the run
    8. aliases and journal (`registry.promotion`), where the gate said so and compared with the
       champion of now
    9. tag `millstream.announced`: nothing is left to do

Runs that are not needed go before step 9. A version is never made twice, whoever publishes the
round and however many do at once.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from registry.journal import was_champion
from registry.package import MODEL_FOLDER
from registry.promotion import Step, move_champion, moving_aliases, point_candidate
from registry.publication import Publication
from registry.reading import aliases_of
from registry.reference import CHAMPION
from registry.run_making import (
    EXISTS,
    Target,
    discard_run,
    ensure_experiment,
    find_runs,
    log_numbers,
    make_run,
)
from registry.store import asked_once
from registry.tags import ANNOUNCED, PROMOTE, REASON, SHA256, make_tags, round_filter
from registry.turn import Turn

if TYPE_CHECKING:
    from mlflow import MlflowClient

__all__ = ["SERVICE", "publish_round", "tell"]

SERVICE = "millstream service"
LONGEST = 5000  # characters of a description that every MLflow store takes


def publish_round(
    client: MlflowClient, target: Target, publication: Publication, on_step: Step
) -> int:
    """Make sure that the round has its one version, and say which.

    Args:
        client: MLflow's client.
        target: where to.
        publication: what.
        on_step: called with a step's name after each call that changes something.
    """
    version = find_version(client, target.name, publication)
    if version is not None and ANNOUNCED in version.tags:
        return int(version.version)
    experiment_id = ensure_experiment(client, target)
    on_step("experiment")
    ensure_registered_model(client, target.name)
    on_step("registered_model")
    run, left_over = find_runs(client, target.name, experiment_id, publication)
    made: Any = None
    if run is None and (version is None or is_other(version, publication)):
        run = made = make_run(client, target.name, experiment_id, publication, on_step)
    with moving_aliases(client, target.name, on_step) as (turn, _):
        version = find_version(client, target.name, publication) or version
        if run is not None and version is not None and may_be_replaced(turn, version, publication):
            client.delete_model_version(target.name, str(version.version))
            version = None
            on_step("version_replaced")
        if version is None:
            version = make_version(client, target.name, run, publication)
            on_step("version")
        unused = [run for run in left_over if run.info.run_id != version.run_id]
        if ANNOUNCED not in version.tags:
            conclude(turn, version, publication, unused, on_step)
    if made is not None and made.info.run_id != version.run_id:
        discard_run(client, made)  # another process was faster
    return int(version.version)


def is_other(version: Any, publication: Publication) -> bool:
    """Whether a version has other bytes than those of the publication."""
    return bool(version.tags.get(SHA256) != publication.artifact.sha256)


def may_be_replaced(turn: Turn, version: Any, publication: Publication) -> bool:
    """Whether an earlier attempt's version has other bytes, and nobody was told of it."""
    undecided = ANNOUNCED not in version.tags and not has_been_champion(turn, version)
    return undecided and is_other(version, publication)


def has_been_champion(turn: Turn, version: Any) -> bool:
    """Whether a version is the champion, or was before somebody rolled it back."""
    return turn.aliases.get(CHAMPION) == int(version.version) or was_champion(version.tags)


def find_version(client: MlflowClient, name: str, publication: Publication) -> Any | None:
    """The round's version, if it has one."""
    found = client.search_model_versions(f"name = '{name}' and {round_filter(publication)}")
    return min(found, key=lambda version: int(version.version), default=None)


def make_version(client: MlflowClient, name: str, run: Any, publication: Publication) -> Any:
    """A version from a complete run of the round."""
    with asked_once():
        return client.create_model_version(
            name,
            source=f"{run.info.artifact_uri}/{MODEL_FOLDER}",
            run_id=run.info.run_id,
            tags=make_tags(name, publication),
            description=publication.description[:LONGEST] or None,
        )


def ensure_registered_model(client: MlflowClient, name: str) -> None:
    """The registered model, made when there is none."""
    from mlflow.exceptions import MlflowException

    if aliases_of(client, name) is None:
        try:
            client.create_registered_model(name)
        except MlflowException as e:
            if e.error_code != EXISTS:
                raise


@dataclass(frozen=True)
class Obstacle:
    """Why a version that the gate would promote is not; `final` if asking again is of no use."""

    reason: str
    final: bool


def conclude(
    turn: Turn, version: Any, publication: Publication, unused: Sequence[Any], on_step: Step
) -> None:
    """Promote a version or not, and announce it, unless the gate is to be asked again.

    Args:
        turn: at the model's aliases.
        version: MLflow's, not announced yet.
        publication: with the gate's verdict.
        unused: runs of the round that killed processes have left.
        on_step: see `publish_round`.
    """
    number, obstacle = int(version.version), None
    if not has_been_champion(turn, version):
        obstacle = judge(turn, version, publication, on_step)
    if obstacle is not None:
        tell(turn.client, version, {PROMOTE: "false", REASON: obstacle.reason})
        on_step("held_back")
    point_candidate(turn, on_step)
    for run in unused:
        discard_run(turn.client, run)
        on_step("stale_run_deleted")
    if obstacle is None or obstacle.final:
        turn.client.set_model_version_tag(turn.name, str(number), ANNOUNCED, "true")
        on_step("announced")


def judge(turn: Turn, version: Any, publication: Publication, on_step: Step) -> Obstacle | None:
    """Carry out the gate's verdict on a version that has not been the champion."""
    renew(turn.client, version, publication)
    if not publication.promote:
        return None
    obstacle = obstacle_to(turn, int(version.version), publication)
    if obstacle is not None:
        return obstacle
    if move_champion(turn, int(version.version), SERVICE, publication.reason, on_step):
        return None
    return obstacle_to(turn, int(version.version), publication)


def obstacle_to(turn: Turn, number: int, publication: Publication) -> Obstacle | None:
    """Why the champion of now does not let a version be promoted; None if it does."""
    champion, compared = turn.aliases.get(CHAMPION), publication.compared_with
    if champion is not None and champion > number:
        return Obstacle(f"version {champion}, which is the champion by now, is newer", final=True)
    if champion == compared:
        return None
    return Obstacle(
        f"the gate compared it with {tell_champion(compared)}, and by now there is"
        f" {tell_champion(champion)}",
        final=False,
    )


def tell_champion(version: int | None) -> str:
    """A champion or its absence, in words."""
    return "no champion" if version is None else f"version {version} as the champion"


def renew(client: MlflowClient, version: Any, publication: Publication) -> None:
    """Bring an older attempt's version up to the verdict of now; changes nothing that is so."""
    wanted = make_tags(version.name, publication)
    changed = {key: value for key, value in wanted.items() if version.tags.get(key) != value}
    if not changed:
        return
    tell(client, version, changed)
    text = publication.description[:LONGEST]
    client.update_model_version(version.name, str(version.version), text)
    # MLflow takes no other params for a run: they stay those of the configuration of then.
    log_numbers(client, version.run_id, replace(publication, params={}))


def tell(client: MlflowClient, version: Any, tags: Mapping[str, str]) -> None:
    """Set tags of a version and of its run."""
    for key, value in tags.items():
        client.set_tag(version.run_id, key, value)
        client.set_model_version_tag(version.name, str(version.version), key, value)
