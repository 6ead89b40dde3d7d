"""Kill it whenever you like: no record lost or used twice, one version a round, exact replays."""

from __future__ import annotations

import random
import signal
import time
from pathlib import Path

import pytest

from ingest import TRAIN, BottomK, Rows
from ingest.window_samples import SIDES
from millstream.config.config import load_config
from millstream.local import open_registry
from millstream.pipeline import open_pipeline
from millstream.replay.replay import read_again
from millstream.rounds.store import RoundStore
from millstream.watch.board import Board
from registry import ModelRegistry

from .project import Project, create_topic, make_project, make_rows, normalize, read_all

# Where something was written since the point before. `make test-long` also kills at the others,
# between the end of a step and the beginning of the next.
POINTS = (
    *("1.polling", "2.before", "2.after", "3.after", "4.epoch:2", "4.after"),
    *("5.weights", "5.statistics", "5.segments", "5.history", "5.report", "5.after"),
    *("6.after", "7.after"),
)
BETWEEN = ("3.before", "4.before", "5.before", "6.before", "7.before")
RANDOM_KILLS = 2
PER_RUN = 900


@pytest.mark.slow
@pytest.mark.timeout(900)
@pytest.mark.parametrize(
    "points", [POINTS, pytest.param(BETWEEN, marks=pytest.mark.long)], ids=["written", "between"]
)
def test_kills_at_every_step_lose_nothing(
    kafka, points: tuple[str, ...], topic: str, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "p", kafka.bootstrap_servers, topic)
    normalize(project, "a", "b")
    remember(project)
    create_topic(kafka.bootstrap_servers, topic)
    sent = project.produce(mixed_rows(seed=0))
    chance = random.Random(5)
    for run, point in enumerate(points, start=1):
        killed = project.command("run", "--stop-when-idle", "0.5", MILLSTREAM_FAULT=point)
        assert killed.code == -signal.SIGKILL, f"{point}: {killed.output}"
        sent += project.produce(mixed_rows(seed=run))
    for run in range(RANDOM_KILLS):
        kill_after(project, chance.uniform(0.5, 6.0))
        sent += project.produce(mixed_rows(seed=100 + run))
    finished = project.command("run", "--stop-when-idle", "0.5")
    assert finished.code == 0, finished.output

    store = RoundStore(project.state_dir / "rounds")
    numbers = check_ranges_tile(store, topic, sent)
    check_one_version_a_round(project, store, numbers)
    check_dead_letters(project, store, numbers, 4 * (1 + len(points) + RANDOM_KILLS))
    check_statistics(store)
    check_history(project, store)
    for number in chance.sample(numbers, 2):
        replayed = project.command("replay", str(number))
        assert replayed.code == 0, replayed.output
        assert "bit for bit the same" in replayed.output


def remember(project: Project) -> None:
    """Let rounds learn from the past."""
    path = project.directory / "millstream.toml"
    path.write_text(f"{path.read_text()}\n[history]\nrows = 400\nholdout_rows = 100\n")


def mixed_rows(seed: int) -> list[bytes]:
    """Good records with a few bad ones among them."""
    rows = make_rows(PER_RUN, seed=seed)
    for at in (7, 300, 301, 650):
        rows.insert(at, b"not json")
    return rows


def kill_after(project: Project, seconds: float) -> None:
    process = project.start("run", "--stop-when-idle", "30")
    time.sleep(seconds)
    process.kill()
    output, _ = process.communicate()
    assert process.returncode == -signal.SIGKILL, output


def check_ranges_tile(store: RoundStore, topic: str, sent: int) -> list[int]:
    """Each partition's ranges follow each other from 0 to its end; counts add up."""
    reached: dict[int, int] = {}
    seen = 0
    rounds = [folder for folder in store.complete() if folder.number > 0]
    for folder in rounds:
        for part in folder.plan().ranges:
            assert part.topic == topic
            assert part.start == reached.get(part.partition, 0)
            reached[part.partition] = part.end
        assert folder.plan().gaps == ()
        counts = folder.report()["counts"]
        assert counts["seen"] == sum(r.end - r.start for r in folder.plan().ranges)
        split = counts["train"] + counts["validation"] + counts["test"]
        assert split + counts["bad"] == counts["seen"]
        seen += counts["seen"]
    assert sum(reached.values()) == seen == sent
    return [folder.number for folder in rounds]


def check_statistics(store: RoundStore) -> None:
    """They have each row that was trained on once, as one of the records that it stands for."""
    rows, records = 0, 0
    for folder in store.complete()[1:]:
        report, found = folder.report(), folder.statistics()
        assert report["training"]["diverged"] is None
        rows += report["sampled"]
        records += report["counts"]["train"]
        assert found["rows"] == report["statistics"]["rows"] == rows
        assert found["weight"] == pytest.approx(records, rel=0.1)
    codes = found["features"]["kind"]
    assert codes["numbers"] == [0, 1, 2, 3]
    assert sum(codes["weights"]) == pytest.approx(found["weight"])


def check_history(project: Project, store: RoundStore) -> None:
    """It is the sample that one sampler would have of all rounds; no file of it is of no use."""
    config = load_config(project.directory / "millstream.toml")
    pipeline = open_pipeline(config, open_registry(config), Board(project.state_dir / "h.json"))
    topics = tuple(sorted(config.kafka.topics))
    samplers = pipeline.sampling.past
    assert samplers is not None
    wholes = [
        BottomK(samplers.selection(side, config.sample.seed, pipeline.schema), topics)
        for side in SIDES
    ]
    for folder in store.complete()[1:]:
        window = read_again(pipeline, project.servers, folder.plan())
        for whole, rows in zip(wholes, window.past, strict=True):
            whole.offer(rows)
    latest = store.complete()[-1]
    train, held = (pipeline.past.recall(latest, 10_000, 0, 0)[0], pipeline.past.holdout(latest))
    assert train == wholes[TRAIN].sample()
    assert held == Rows.concat([whole.sample() for whole in wholes[TRAIN + 1 :]])
    recalled = [folder.plan().history_rows for folder in store.complete()]
    assert recalled[:2] == [0, 0]
    assert min(recalled[3:]) > 0
    assert pipeline.past.prune(store) == []


def check_one_version_a_round(project: Project, store: RoundStore, numbers: list[int]) -> None:
    registry = ModelRegistry(
        project.topic, f"sqlite:///{project.state_dir / 'mlflow.db'}", None, project.topic
    )
    versions = registry.versions()
    assert sorted(version.round for version in versions) == numbers
    recorded = {f.number: (f.published() or {})["version"] for f in store.complete() if f.number}
    assert {version.round: version.version for version in versions} == recorded
    champion = registry.champion()
    assert champion is not None
    assert champion.version == max(v.version for v in versions if v.promoted)


def check_dead_letters(project: Project, store: RoundStore, numbers: list[int], sent: int) -> None:
    """Each bad record that was sent is in the dead-letter topic, once, and nothing else is."""
    bad = sum(store.folder(number).report()["counts"]["bad"] for number in numbers)
    letters = read_all(project.servers, f"{project.topic}.dead-letters")
    names = ("millstream.topic", "millstream.partition", "millstream.offset")
    identities = {tuple(dict(letter.headers)[name] for name in names) for letter in letters}
    assert len(identities) == len(letters) == bad == sent
    assert {letter.value for letter in letters} == {b"not json"}
