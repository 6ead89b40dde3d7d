"""A round looks for drift in its holdout, says in its plan what it does about it, and does it."""

from __future__ import annotations

import logging
from dataclasses import asdict, replace
from typing import TYPE_CHECKING

import numpy as np

from ingest import Rows, Schema
from millstream.drift.drift import Watched, make_feature_test, watch
from millstream.drift.holdout_sample import HoldoutSample
from millstream.drift.reaction import Reaction
from millstream.drift.state import DriftState
from millstream.durable import write_json
from millstream.fitting import make_model
from millstream.pipeline import Pipeline
from millstream.prequential.rows import Tested
from millstream.publishing.describe import WEIGHTS_TAG
from millstream.recipe import round_seed
from millstream.rounds.arrays_file import pack, unpack
from millstream.rounds.plan import Plan
from millstream.turn import Turn
from millstream.workers.together import from_chief

if TYPE_CHECKING:
    from registry import ModelVersion

__all__ = ["begin_learner", "react"]

log = logging.getLogger("millstream")


def react(pipeline: Pipeline, turn: Turn, tested: Tested, schema: Schema) -> Turn:
    """Look for drift, and write the plan again if the round is to react; all workers call it.

    A replay reads from the plan what was decided, and looks for nothing.

    Args:
        pipeline: the parts.
        turn: the round, before anything was trained.
        tested: the holdout of all workers.
        schema: with the words of the window's codes.
    """
    section = pipeline.config.drift
    if not section.is_watching:
        return turn
    before = DriftState.after(turn.parent, section)
    # What an untrained model gets wrong says nothing of the stream.
    known = tested if turn.parent.number > 0 else replace(tested, learner=None)
    watched = watch(pipeline.config, before, known, sample_of_all(pipeline, turn, schema))
    decided = decide(pipeline, turn, watched, tested) if pipeline.is_chief else None
    told = from_chief(None if decided is None else asdict(decided), pipeline.workers)
    reaction = None if told is None else Reaction(**told)
    if watched.why:
        note = f"round {turn.plan.round}: {watched.why}"
        log.warning("drift in %s", note)
        pipeline.board.update(drift=note)
    return replace(
        turn,
        plan=amended(pipeline, turn, reaction),
        drift=replace(watched, state=carried(pipeline, watched, reaction)),
    )


def sample_of_all(pipeline: Pipeline, turn: Turn, schema: Schema) -> HoldoutSample | None:
    """The features of the holdout, of all workers; None if they are not compared."""
    section = pipeline.config.drift
    if section.feature_test.kind == "none":
        return None
    rows = Rows.concat([turn.window.validation, turn.window.test])
    most = make_feature_test(section).rows
    own = HoldoutSample.of(rows, schema, turn.plan.seed).first(most)
    if pipeline.workers.size == 1:
        return own
    heard = pipeline.workers.gather(pack({}, own.to_arrays()))
    return HoldoutSample.merge([HoldoutSample.from_arrays(unpack(part)[1]) for part in heard], most)


def decide(pipeline: Pipeline, turn: Turn, watched: Watched, tested: Tested) -> Reaction | None:
    """What the round does: a reaction, the rest of an earlier one, or nothing."""
    wanted, state = pipeline.config.drift.reaction, watched.state
    if not watched.why and not state.recent_left:
        return None
    reaction = Reaction(watched.why or state.why)
    window = turn.window
    first, last = window.first_timestamp, window.last_timestamp
    if wanted.recent is not None and first is not None and last is not None and last > first:
        half_life = wanted.recent.half_life * (last - first)
        reaction = replace(reaction, newest_ms=last, half_life_ms=half_life)
    if not watched.why:
        return reaction
    if wanted.from_scratch:
        reaction = replace(reaction, start="scratch")
    if wanted.from_champion:
        number = better_champion(pipeline, tested)
        if number is not None:
            reaction = replace(reaction, start="champion", start_round=number)
    return replace(
        reaction,
        reset_learning_rate=wanted.reset_learning_rate,
        reset_slots=wanted.reset_slots,
    )


def better_champion(pipeline: Pipeline, tested: Tested) -> int | None:
    """The round that the champion was made in, if it errs less than the learner; else None.

    None also if the champion is not of this state folder, or its predictions do not fit the labels.
    """
    import trainer
    from trainer.drift import error_scale, row_errors

    if tested.learner is None or tested.champion is None or not len(tested):
        return None
    version = pipeline.champions.champion()
    if version is None or version.version != tested.champion_version:
        return None
    task, scale = pipeline.config.train.task, error_scale(tested.labels)
    kind = pipeline.config.drift.error
    try:
        errors = [
            float(np.mean(row_errors(task, tested.labels, output, kind, scale)))
            for output in (tested.champion, tested.learner)
        ]
    except trainer.DriftError as error:
        log.warning("learner and champion cannot be compared: %s", error)
        return None
    return version.round if errors[0] < errors[1] and is_ours(pipeline, version) else None


def is_ours(pipeline: Pipeline, version: ModelVersion) -> bool:
    """Whether the checkpoint that a version was made of is in the state folder."""
    folder = pipeline.store.folder(version.round)
    if not folder.done or folder.pruned:
        return False
    return version.tags.get(WEIGHTS_TAG) == folder.digest()


def carried(pipeline: Pipeline, watched: Watched, reaction: Reaction | None) -> DriftState:
    """The state for the next round: for how long the reaction goes on."""
    recent, state = pipeline.config.drift.reaction.recent, watched.state
    if reaction is None or recent is None:
        return replace(state, recent_left=0, why="")
    left = recent.rounds if watched.why else state.recent_left
    return replace(state, recent_left=left - 1, why=reaction.why if left > 1 else "")


def amended(pipeline: Pipeline, turn: Turn, reaction: Reaction | None) -> Plan:
    """The plan with the reaction, durably; as it was if there is none."""
    if reaction is None:
        return turn.plan
    recent = pipeline.config.drift.reaction.recent
    share = 1.0 if recent is None else recent.history
    rows = int(share * turn.plan.history_rows)
    plan = replace(turn.plan, reaction=reaction, history_rows=rows)
    if pipeline.is_chief:
        write_json(turn.folder.path / "plan.json", plan.to_json())
    return plan


def begin_learner(pipeline: Pipeline, turn: Turn) -> None:
    """Give the learner the weights that the round starts from: a function of its plan.

    Raises:
        trainer.CheckpointError: they are not there any more.
    """
    import trainer

    reaction, model = turn.plan.reaction, pipeline.learner.model
    if reaction is not None and reaction.start_round is not None:
        trainer.load(model, pipeline.store.folder(reaction.start_round).weights)
    else:
        trainer.load(model, turn.parent.weights)
    if reaction is None or not (reaction.start == "scratch" or reaction.reset_learning_rate):
        return
    config = pipeline.config
    seed = round_seed(turn.plan.seed, turn.plan.round)
    fresh = make_model(config, seed)
    if reaction.start == "scratch":
        trainer.begin_anew(model, fresh)
    else:
        trainer.reset_learning_rate(model, fresh, slots=reaction.reset_slots)
