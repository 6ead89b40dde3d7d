"""What a round decides to do about a drift, and for how many rounds."""

from __future__ import annotations

from dataclasses import dataclass, replace
from types import SimpleNamespace

import numpy as np
import pytest

from millstream.config.config import load_config
from millstream.drift.drift import Watched
from millstream.drift.reacting import amended, carried, decide
from millstream.drift.reaction import Reaction
from millstream.drift.state import DriftState
from millstream.prequential.rows import Tested as Holdout
from millstream.publishing.describe import WEIGHTS_TAG
from trainer.drift import Finding

from .project import make_project

FOUND = Watched(DriftState(), Finding(row=900, change=800, before=0.1, after=0.4), 5_000)
NOTHING = Watched(DriftState())
WINDOW = SimpleNamespace(first_timestamp=1_000, last_timestamp=9_000)


@dataclass(frozen=True)
class Version:
    version: int
    round: int
    tags: dict[str, str]


@dataclass
class Stage:
    """A pipeline with a champion of round 3, and a round after it."""

    champion: Version | None
    done: bool = True
    pruned: bool = False
    digest: str = "d3"

    def pipeline(self, tmp_path, reaction: str) -> SimpleNamespace:
        make_project(tmp_path, "localhost:1", "reacting")
        path = tmp_path / "millstream.toml"
        path.write_text(f'{path.read_text()}\n[drift]\ndetector = "adwin"\nreaction = {reaction}\n')
        folder = SimpleNamespace(done=self.done, pruned=self.pruned, digest=lambda: self.digest)
        return SimpleNamespace(
            config=load_config(path),
            champions=SimpleNamespace(champion=lambda: self.champion),
            store=SimpleNamespace(folder=lambda number: folder),
            is_chief=False,
        )


CHAMPION = Version(7, 3, {WEIGHTS_TAG: "d3"})


def holdout(learner: float, champion: float | None, version: int | None = 7) -> Holdout:
    """A hundred true labels, and how probable they are held to be."""
    count = 100
    nothing = np.zeros(count, np.int32)
    return Holdout(
        topic=nothing,
        partition=nothing,
        offset=np.arange(count),
        timestamp=np.arange(count),
        labels=np.ones(count, np.bool_),
        learner=np.full(count, learner, np.float32),
        champion=None if champion is None else np.full(count, champion, np.float32),
        champion_version=version,
    )


def turn_of(plan: object = None) -> SimpleNamespace:
    return SimpleNamespace(window=WINDOW, plan=plan)


@pytest.mark.parametrize(
    ("stage", "tested", "start"),
    [
        (Stage(CHAMPION), holdout(0.6, 0.8), 3),
        (Stage(CHAMPION), holdout(0.8, 0.6), None),
        (Stage(CHAMPION), holdout(0.6, None, None), None),
        (Stage(CHAMPION, digest="of another folder"), holdout(0.6, 0.8), None),
        (Stage(CHAMPION, done=False), holdout(0.6, 0.8), None),
        (Stage(CHAMPION, pruned=True), holdout(0.6, 0.8), None),
        (Stage(replace(CHAMPION, version=8)), holdout(0.6, 0.8), None),
        (Stage(None), holdout(0.6, 0.8), None),
    ],
)
def test_only_a_better_champion_of_our_own_is_begun_from(tmp_path, stage, tested, start) -> None:
    pipeline = stage.pipeline(tmp_path, '["from_champion"]')
    reaction = decide(pipeline, turn_of(), FOUND, tested)
    assert reaction.start == ("parent" if start is None else "champion")
    assert reaction.start_round == start


def test_a_champion_that_does_not_fit_the_labels_is_not_begun_from(tmp_path, caplog) -> None:
    pipeline = Stage(CHAMPION).pipeline(tmp_path, '["from_champion"]')
    odd = replace(holdout(0.6, 0.8), champion=np.full((100, 3), 0.3, np.float32))
    assert decide(pipeline, turn_of(), FOUND, odd).start == "parent"
    assert "cannot be compared" in caplog.text


def test_what_is_configured_is_decided(tmp_path) -> None:
    text = "{ recent = { half_life = 0.5 }, reset_learning_rate = true, reset_slots = true }"
    pipeline = Stage(None).pipeline(tmp_path, text)
    reaction = decide(pipeline, turn_of(), FOUND, holdout(0.6, None))
    assert reaction == Reaction(
        why="the error rose from 0.100 to 0.400",
        reset_learning_rate=True,
        reset_slots=True,
        newest_ms=9_000,
        half_life_ms=4_000.0,
    )
    assert decide(pipeline, turn_of(), NOTHING, holdout(0.6, None)) is None


def test_a_window_without_time_has_no_older_rows(tmp_path) -> None:
    pipeline = Stage(None).pipeline(tmp_path, '["recent"]')
    turn = SimpleNamespace(window=SimpleNamespace(first_timestamp=None, last_timestamp=None))
    assert decide(pipeline, turn, FOUND, holdout(0.6, None)).half_life_ms is None


def test_recent_goes_on_for_its_rounds(tmp_path) -> None:
    pipeline = Stage(None).pipeline(tmp_path, "{ recent = { rounds = 3 }, from_scratch = true }")
    watched, told = FOUND, []
    for _ in range(5):
        reaction = decide(pipeline, turn_of(), watched, holdout(0.6, None))
        told.append(reaction and (reaction.start, reaction.half_life_ms, reaction.why[:9]))
        watched = Watched(carried(pipeline, watched, reaction))
    assert told == [
        ("scratch", 2_000.0, "the error"),
        ("parent", 2_000.0, "the error"),
        ("parent", 2_000.0, "the error"),
        None,
        None,
    ]


def test_less_of_the_history_is_recalled(tmp_path) -> None:
    @dataclass(frozen=True)
    class Plan:
        history_rows: int
        reaction: Reaction | None = None

    turn, reaction = turn_of(Plan(401)), Reaction("why")
    pipeline = Stage(None).pipeline(tmp_path, "{ recent = { history = 0.25 } }")
    assert amended(pipeline, turn, reaction) == Plan(100, reaction)
    assert amended(pipeline, turn, None) == Plan(401)
    pipeline = Stage(None).pipeline(tmp_path, '["from_scratch"]')
    assert amended(pipeline, turn, reaction) == Plan(401, reaction)
