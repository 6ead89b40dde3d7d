"""Replay: train a round again from its plan, and compare the weights bit for bit."""

from __future__ import annotations

from dataclasses import dataclass

from ingest import KafkaSource, NoDeadLetters, Window, read_window
from millstream.durable import read_json
from millstream.errors import ReplayError
from millstream.growing import grow
from millstream.pipeline import Pipeline, make_builder, source_options
from millstream.plan import Plan
from millstream.recipe import differences
from millstream.round import train_or_restore
from millstream.round_store import RoundFolder
from millstream.turn import Turn

__all__ = ["Replay", "replay_round"]


@dataclass(frozen=True)
class Replay:
    """What a replay came to; the digests are SHA-256 of weights, optimizer and random state."""

    round: int
    records: int
    recorded: str
    replayed: str

    @property
    def identical(self) -> bool:
        """Whether every bit is the same."""
        return self.recorded == self.replayed


def replay_round(pipeline: Pipeline, servers: str, number: int) -> Replay:
    """Read the round's offset ranges again, train from its parent's checkpoint, compare.

    Nothing is written: no dead letters, no checkpoint, no version.

    Raises:
        ReplayError: no such round, its parent's weights were pruned, or settings that decide
            weights have changed since.
        ingest.MissingOffsets: Kafka no longer has all of its records.
    """
    folder, parent = _folders(pipeline, number)
    plan = folder.plan()
    check_recipe(pipeline, plan)
    window = read_again(pipeline, servers, plan)
    encoded, vocabularies = grow(pipeline.schema, parent, window, pipeline.shared)
    turn = Turn(folder, parent, plan, encoded, vocabularies)
    train_or_restore(pipeline, turn, should_stop=lambda: False)
    import trainer

    return Replay(
        round=number,
        records=window.counts.seen,
        recorded=folder.digest(),
        replayed=trainer.digest(pipeline.learner.model),
    )


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


def check_recipe(pipeline: Pipeline, plan: Plan) -> None:
    """Refuse when a setting that decides weights is not what it was, naming each."""
    if plan.recipe == pipeline.recipe_fingerprint:
        return
    path = pipeline.config.state_dir / "recipes" / f"{plan.recipe}.json"
    saved = read_json(path) if path.exists() else {}
    changed = "; ".join(differences(saved, pipeline.recipe))
    raise ReplayError(
        f"round {plan.round} was trained with other settings, restore them first: {changed}"
    )


def read_again(pipeline: Pipeline, servers: str, plan: Plan) -> Window:
    """The round's window, from Kafka."""
    config = pipeline.config
    source = KafkaSource(config.kafka.topics, source_options(config, servers), plan.start)
    try:
        builder = make_builder(pipeline, NoDeadLetters(), plan.start)
        return read_window(source, builder, plan.end, known_gaps=plan.gaps, check_all=False)
    finally:
        source.close()
