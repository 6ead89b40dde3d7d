"""One replay from beginning to end: what is named, which rounds that means, and what it came to."""

from __future__ import annotations

from dataclasses import dataclass

from millstream.config.config import Config
from millstream.errors import UsageError
from millstream.local import open_registry
from millstream.pipeline import make_registry, open_pipeline
from millstream.replay.chain import replay_chain
from millstream.replay.outcome import ArtifactReplay, Likeness, Replay
from millstream.replay.replay import TOLERANCE, is_exact, replay_round
from millstream.replay.version import check_round, export_again, find_version
from millstream.rounds.store import RoundStore
from millstream.watch.board import Board
from millstream.workers.place import Place
from registry import Reference

__all__ = ["ReplayOptions", "Replayed", "run_replay"]


@dataclass(frozen=True)
class ReplayOptions:
    """What to replay.

    Attributes:
        what: number of a round, or a registered version as `pull` takes it; None is the last round.
        from_scratch: the whole chain up to it, from the untrained model on.
        tolerance: how far rounds of several workers or of a GPU may be off, see
            `trainer.distance`.
    """

    what: str | None
    from_scratch: bool = False
    tolerance: float = TOLERANCE


@dataclass(frozen=True)
class Replayed:
    """What a replay came to.

    Attributes:
        rounds: each outcome, oldest first.
        artifact: of the exported bytes; None if no version was named or a round differs.
    """

    rounds: tuple[Replay, ...]
    artifact: ArtifactReplay | None = None

    @property
    def likeness(self) -> Likeness:
        """The verdict on all of it."""
        found = [item.likeness for item in self.rounds]
        found += [self.artifact.likeness] if self.artifact else []
        return next((kind for kind in (Likeness.OTHER, Likeness.CLOSE) if kind in found), found[0])

    def tell_difference(self) -> str:
        """What is not as it was recorded, for people."""
        last = self.rounds[-1]
        if last.likeness is not Likeness.OTHER:
            return f"round {last.round}: the replay gave other exported bytes"
        if last.recorded != last.replayed:
            return f"round {last.round}: the replay gave other weights"
        return f"round {last.round}: the replay left another state beside the same weights"


def run_replay(config: Config, servers: str, options: ReplayOptions) -> Replayed:
    """Replay what is named; the state folder must be held by this process.

    Raises:
        UsageError: nothing is named that can be replayed.
        ReplayError: it cannot be replayed.
        MillstreamError: or the root error of a room.
    """
    tracking_uri = open_registry(config)
    store = RoundStore(config.state_dir / "rounds")
    version = None
    if options.what is None or options.what.isdecimal():
        number = int(options.what) if options.what else last_round(store)
    else:
        registry = make_registry(config, tracking_uri)
        version = find_version(registry, Reference.parse(options.what))
        number = check_round(store, version)
    board = Board(config.state_dir / "replay.json")
    rounds = store.complete()[0 if options.from_scratch else number : number + 1]
    several = any(folder.plan().workers > 1 for folder in rounds)
    pipeline = open_pipeline(config, tracking_uri, board, one_place(config, several))
    if options.from_scratch:
        found = replay_chain(pipeline, servers, number, options.tolerance)
    else:
        found = [replay_round(pipeline, servers, number, options.tolerance)]
    if version is None or found[-1].likeness is Likeness.OTHER:
        return Replayed(tuple(found))
    exact = is_exact(pipeline, store.folder(number).plan())
    artifact = export_again(pipeline, version, 0.0 if exact else options.tolerance)
    return Replayed(tuple(found), artifact)


def last_round(store: RoundStore) -> int:
    """The number of the last complete round.

    Raises:
        UsageError: there is none yet.
    """
    latest = store.latest()
    if latest is None or latest.number == 0:
        raise UsageError("there is no round to replay yet; millstream run trains some")
    return latest.number


def one_place(config: Config, several: bool) -> Place:
    """Where the replay trains: in this process alone, also if several workers trained the rounds.

    Args:
        config: of the service.
        several: whether they did; then it is done in their way, by a single worker.
    """
    import trainer

    name = config.train.strategy
    strategy = trainer.open_strategy("auto" if name == "multi_worker" else name)
    shared = several or strategy.num_replicas_in_sync > 1
    return Place(strategy, trainer.Alone(), shared or config.train.determinism == "bitwise")
