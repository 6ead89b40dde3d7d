"""Replay from scratch: the whole chain of rounds again, from the untrained model on.

Nothing of the state folder is used but plans: weights, statistics, vocabularies, histories and what
rounds decide by them are all made anew, and compared with what was recorded. They lie in a folder
of their own outside of the state folder, which is gone afterwards.
"""

from __future__ import annotations

import hashlib
import logging
import shutil
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from millstream.errors import ReplayError
from millstream.fault import fault_point
from millstream.pipeline import Pipeline
from millstream.replay.champion import RecordedChampion
from millstream.replay.files import (
    differing_contents,
    differing_files,
    differing_pasts,
    differing_plans,
    differing_reports,
)
from millstream.replay.gaps import lost_by_round, tell_lost
from millstream.replay.outcome import Likeness, Replay
from millstream.replay.replay import (
    TOLERANCE,
    check_recipe,
    compare_weights,
    is_exact,
    missing_records,
    read_or_tell,
)
from millstream.round import carry_out, plan
from millstream.rounds.folder import HEAVY, RoundFolder
from millstream.rounds.past import Past
from millstream.rounds.store import RoundStore

__all__ = ["leftovers", "replay_chain"]

log = logging.getLogger("millstream")

HISTORY_FILE = "history.json"


def replay_chain(
    pipeline: Pipeline, servers: str, last: int, tolerance: float = TOLERANCE
) -> list[Replay]:
    """Train the rounds from 0 to `last` again, each from the one before, and compare each.

    Args:
        pipeline: just opened, so that its learner is untrained; it has the weights of the last
            round that was replayed afterwards.
        servers: of Kafka.
        last: the round to end with.
        tolerance: how far rounds of several workers or of a GPU may be off, see
            `trainer.distance`.

    Returns:
        The outcomes up to `last`, or to the first round that differs.

    Raises:
        ReplayError: a round was trained with other settings, or Kafka no longer has all records.
    """
    rounds = pipeline.store.complete()[: last + 1]
    if len(rounds) <= last:
        raise ReplayError(f"round {last}: expected a complete round up to {len(rounds) - 1}")
    pipeline.store.check_chain()
    check_settings(pipeline, rounds)
    check_records(pipeline, servers, last)
    reactions = [folder.plan().reaction for folder in rounds]
    needed = {reaction.start_round for reaction in reactions if reaction is not None}
    found: list[Replay] = []
    with scratch(pipeline) as again:
        for recorded in rounds:
            outcome = (
                again_from(pipeline, again, recorded, tolerance)
                if recorded.number == 0
                else again_after(pipeline, again, recorded, servers, tolerance)
            )
            found.append(outcome)
            fault_point("replay.round")
            if outcome.likeness is Likeness.OTHER:
                break
            forget(again, recorded.number - 1, needed)
    return found


def check_settings(pipeline: Pipeline, rounds: list[RoundFolder]) -> None:
    """Refuse to begin what other settings would end on the way.

    Raises:
        ReplayError: names the settings and how far a replay would come.
    """
    for folder in rounds:
        try:
            check_recipe(pipeline, folder.plan())
        except ReplayError as error:
            before = folder.number - 1
            far = f"; with these, the chain can be replayed up to round {before}"
            raise ReplayError(f"{error}{far if before > 0 else ''}") from error


def check_records(pipeline: Pipeline, servers: str, last: int) -> None:
    """Refuse to begin what records that are not there would end on the way.

    Raises:
        ReplayError: names the offsets and the rounds that can be replayed by themselves.
    """
    lost = lost_by_round(pipeline, servers)
    first = next((number for number in sorted(lost) if number <= last), None)
    if first is not None:
        offsets = tell_lost(
            part for number in sorted(lost) if number <= last for part in lost[number]
        )
        raise missing_records(
            pipeline,
            lost,
            f"the chain cannot be replayed beyond round {first - 1}: the broker no longer has"
            f" offsets {offsets}; a longer retention of the topic keeps records for replays",
        )


@contextmanager
def scratch(pipeline: Pipeline) -> Iterator[Pipeline]:
    """The parts with an empty state in a folder for the time being.

    What a killed replay of the same state folder has left is removed first.
    """
    for left in leftovers(pipeline.config.state_dir):
        shutil.rmtree(left, ignore_errors=True)
    with tempfile.TemporaryDirectory(prefix=prefix_of(pipeline.config.state_dir)) as name:
        folder = Path(name)
        yield replace(
            pipeline,
            store=RoundStore(folder / "rounds"),
            past=Past(
                pipeline.sampling,
                pipeline.schema,
                pipeline.config.kafka.topics,
                folder / "history",
                pipeline.shared,
            ),
        )


def leftovers(state_dir: Path) -> list[Path]:
    """What replays of a state folder that were killed have left."""
    return sorted(Path(tempfile.gettempdir()).glob(f"{prefix_of(state_dir)}*"))


def prefix_of(state_dir: Path) -> str:
    """How the names of a state folder's temporary folders begin."""
    return (
        f"millstream-replay-{hashlib.sha256(str(state_dir.resolve()).encode()).hexdigest()[:12]}-"
    )


def again_from(
    pipeline: Pipeline, again: Pipeline, recorded: RoundFolder, tolerance: float
) -> Replay:
    """Round 0: the untrained model, and what the service wrote down when it began."""
    import trainer

    folder = again.store.begin(recorded.plan())
    digest = trainer.save(again.learner.model, folder.weights)
    folder.write_report(recorded.report())
    folder.mark_done(digest)
    return compare_weights(pipeline, recorded, 0, tolerance)


def again_after(
    pipeline: Pipeline, again: Pipeline, recorded: RoundFolder, servers: str, tolerance: float
) -> Replay:
    """A round after the one that was replayed before it."""
    number, made = recorded.number, recorded.plan()
    window = read_or_tell(pipeline, again, servers, made)
    report = recorded.report()
    champion = RecordedChampion(pipeline.registry, report["prequential"].get("champion_version"))
    then = replace(again, champions=champion)
    turn = plan(then, again.store.folder(number - 1), window, made.reason, made.untrained)
    carry_out(then, turn, should_stop=lambda: False)
    differing = [
        *differing_plans(made, turn.folder.plan()),
        *differing_reports(report, turn.folder.report(), exact=is_exact(pipeline, made)),
        *differing_state(pipeline, again, recorded, turn.folder),
    ]
    return compare_weights(pipeline, recorded, window.counts.seen, tolerance, differing)


def differing_state(
    pipeline: Pipeline, again: Pipeline, recorded: RoundFolder, replayed: RoundFolder
) -> list[str]:
    """What differs beside plan, report and weights."""
    rounds = pipeline.store.complete()[: recorded.number + 1]
    alone = all(folder.plan().workers == 1 for folder in rounds)
    digests, exact = recorded.files() is not None, is_exact(pipeline, recorded.plan())
    found: list[str] = []
    if exact or alone:
        compare = differing_files if digests and exact else differing_contents
        found = compare(recorded, replayed)
    # Several workers have files of their own for the rows of the past, which are the same rows.
    if alone and digests and exact:
        return found
    found = [text for text in found if not text.startswith(HISTORY_FILE)]
    return found + differing_pasts((pipeline.past, recorded), (again.past, replayed))


def forget(again: Pipeline, number: int, needed: set[int | None]) -> None:
    """Remove the weights and rows of a round that no later one begins from."""
    folder = again.store.folder(number)
    if number >= 0 and number not in needed:
        for name in HEAVY:
            (folder.path / name).unlink(missing_ok=True)
        again.past.prune(again.store)
