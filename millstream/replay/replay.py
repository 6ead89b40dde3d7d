"""Replay: train a round again from its plan, and compare the weights.

Bit for bit, if one worker trained it, or any number of them with `determinism = "bitwise"`. Other
rounds of several workers, or of a GPU, are repeated up to the order in which floats were summed.
"""

from __future__ import annotations

import logging
from collections.abc import Container, Iterable
from itertools import pairwise

from ingest import KafkaSource, MissingOffsets, NoDeadLetters, Window, agree_on_window, read_window
from millstream.errors import ReplayError
from millstream.growing import grow
from millstream.pipeline import Pipeline, make_builder, source_options
from millstream.recipe import differences, fingerprint
from millstream.replay.gaps import lost_by_round, tell_rounds
from millstream.replay.outcome import Replay
from millstream.round import train_or_restore
from millstream.rounds.folder import RoundFolder
from millstream.rounds.plan import Plan
from millstream.rounds.seal import parse
from millstream.turn import Turn

__all__ = [
    "TOLERANCE",
    "Replay",
    "check_beginning",
    "check_recipe",
    "compare_weights",
    "is_exact",
    "missing_records",
    "read_again",
    "replay_round",
]

log = logging.getLogger("millstream")

TOLERANCE = 1e-3


def replay_round(
    pipeline: Pipeline, servers: str, number: int, tolerance: float = TOLERANCE
) -> Replay:
    """Read the round's offset ranges again, train from its parent's checkpoint, compare.

    Nothing is written: no dead letters, no checkpoint, no version.

    Args:
        pipeline: the parts; the learner has the replayed weights afterwards.
        servers: of Kafka.
        number: of the round.
        tolerance: how far a round of several workers or of a GPU may be off, see
            `trainer.distance`.

    Raises:
        ReplayError: no such round, its parent's weights were pruned, settings that decide weights
            have changed since, or Kafka no longer has all of its records.
    """
    folder, parent = _folders(pipeline, number)
    plan = folder.plan()
    check_recipe(pipeline, plan)
    window = read_or_tell(pipeline, pipeline, servers, plan)
    encoded, vocabularies = grow(pipeline.schema, parent, window, pipeline.shared)
    turn = Turn(folder, parent, plan, encoded, vocabularies)
    check_beginning(pipeline, parent, plan)
    train_or_restore(pipeline, turn, should_stop=lambda: False)
    return compare_weights(pipeline, folder, window.counts.seen, tolerance)


def check_beginning(pipeline: Pipeline, parent: RoundFolder, plan: Plan) -> None:
    """Check what a round is trained from: all that its parent left, and a champion's weights.

    Raises:
        RoundStoreError: a file is not as its round left it.
        trainer.CheckpointError: weights cannot be read.
    """
    import trainer

    older = None if plan.reaction is None else plan.reaction.start_round
    folders = [parent, *([] if older is None else [pipeline.store.folder(older)])]
    for folder in folders:
        folder.check()
        folder.check_weights(trainer.digest(folder.weights))


def compare_weights(
    pipeline: Pipeline,
    folder: RoundFolder,
    records: int,
    tolerance: float,
    differing: Iterable[str] = (),
) -> Replay:
    """Compare the learner with what a round recorded.

    Args:
        pipeline: the parts; the learner has the replayed weights.
        folder: of the round, as it was recorded.
        records: that were read again.
        tolerance: how far a round of several workers or of a GPU may be off.
        differing: what else differs.
    """
    import trainer

    recorded, replayed = folder.digest(), trainer.digest(pipeline.learner.model)
    apart = None
    if recorded != replayed and not folder.pruned:
        apart = trainer.distance(pipeline.learner.model, folder.weights)
    allowed = 0.0 if is_exact(pipeline, folder.plan()) else tolerance
    found = Replay(folder.number, records, recorded, replayed, apart, allowed, tuple(differing))
    log.info("round %d: %s", folder.number, found.tell())
    return found


def is_exact(pipeline: Pipeline, plan: Plan) -> bool:
    """Whether a replay must give the same bits."""
    import trainer

    if not (plan.repeats and trainer.repeats_bits()):
        return False
    bitwise = pipeline.config.train.determinism == "bitwise"
    return bitwise or (plan.workers == 1 and pipeline.shared is None)


def check_recipe(pipeline: Pipeline, plan: Plan) -> None:
    """Refuse when a setting that decides weights is not what it was, naming each.

    Raises:
        ReplayError: there is one.
        RoundStoreError: the recipe of the round is damaged.
    """
    if plan.recipe == pipeline.recipe_fingerprint:
        return
    path = pipeline.config.state_dir / "recipes" / f"{plan.recipe}.json"
    saved = parse(path, path.read_bytes()) if path.exists() else {}
    if fingerprint(saved) != plan.recipe:
        raise ReplayError(
            f"round {plan.round} was trained with other settings; which ones is not known, as"
            f" {path} is missing or damaged: restore it from a backup"
        )
    changed = "; ".join(differences(saved, pipeline.recipe))
    raise ReplayError(
        f"round {plan.round} was trained with other settings, restore them first: {changed}"
    )


def read_or_tell(pipeline: Pipeline, again: Pipeline, servers: str, plan: Plan) -> Window:
    """The round's window, from Kafka, for people who wait for it.

    Args:
        pipeline: of the service; its rounds are looked through if records are missing.
        again: for which the window is.
        servers: of Kafka.
        plan: the round's.

    Raises:
        ReplayError: Kafka no longer has all of its records; says which rounds it has.
    """
    log.info("round %d: reading its records again", plan.round)
    try:
        window = read_again(again, servers, plan)
    except MissingOffsets as error:
        lost = lost_by_round(pipeline, servers)
        raise missing_records(pipeline, lost, f"round {plan.round}: {error}") from error
    log.info("round %d: training on %d records", plan.round, window.counts.seen)
    return window


def read_again(pipeline: Pipeline, servers: str, plan: Plan) -> Window:
    """The round's window, from Kafka.

    Raises:
        ingest.MissingOffsets: Kafka no longer has all of its records.
    """
    config = pipeline.config
    source = KafkaSource(config.kafka.topics, source_options(config, servers), plan.start)
    try:
        builder = make_builder(pipeline, NoDeadLetters(), plan.start)
        window = read_window(source, builder, plan.end, known_gaps=plan.gaps, check_all=False)
    finally:
        source.close()
    if pipeline.shared is None:
        return window
    return agree_on_window(window, pipeline.sampling, pipeline.schema, pipeline.shared)


def missing_records(pipeline: Pipeline, lost: Container[int], why: str) -> ReplayError:
    """The error for records that Kafka no longer has; says which rounds are still there."""
    rounds = pipeline.store.complete()
    whole = [
        folder.number
        for parent, folder in pairwise(rounds)
        if folder.number not in lost and not parent.pruned
    ]
    still = f"; rounds that can still be replayed: {tell_rounds(whole)}" if whole else ""
    return ReplayError(why + still)


def _folders(pipeline: Pipeline, number: int) -> tuple[RoundFolder, RoundFolder]:
    complete = {folder.number: folder for folder in pipeline.store.complete()}
    if number < 1 or number not in complete:
        last = max(complete, default=0)
        raise ReplayError(f"round {number}: expected a complete round from 1 to {last}")
    parent = complete[number - 1]
    if parent.pruned:
        raise ReplayError(
            f"round {number}: the checkpoint of round {parent.number}, which it starts from, was"
            " pruned; service.keep_rounds says how many stay"
        )
    return complete[number], parent
