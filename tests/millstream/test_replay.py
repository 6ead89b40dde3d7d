"""Replays as a user runs them: from scratch, of versions, killed, of what is not there any more."""

from __future__ import annotations

import hashlib
import json
import shutil
import signal
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kafka import KafkaAdminClient, KafkaProducer, TopicPartition

from millstream.replay.chain import leftovers, replay_chain
from millstream.rounds.store import RoundStore

from .old_state import TOPIC, copied, opened, records
from .project import CONFIG, MODEL, Project, create_topic

ROUNDS = 3
PER_ROUND = 300
BESIDE = {"lock", "native.log"}  # of the process that holds the folder


@pytest.fixture(scope="module")
def project(kafka, tmp_path_factory: pytest.TempPathFactory) -> Project:
    """Three rounds with history, statistics, and a vocabulary that grows."""
    topic, directory = "replayed", tmp_path_factory.mktemp("replayed")
    values = {"epochs": 2, "records": PER_ROUND, "keep_rounds": 20, "name": topic}
    text = CONFIG.format(servers=kafka.bootstrap_servers, topic=topic, **values)
    text = text.replace('vocabulary = ["p", "q", "r"]', 'vocabulary = ["p"], grow = 6')
    text = text.replace("seconds = 30", f"seconds = 30\nmax_records = {PER_ROUND}")
    text = text.replace("rungs = []", 'rungs = ["int8"]')
    (directory / "millstream.toml").write_text(f"{text}\n[history]\nrows = 150\n")
    model = MODEL.replace("Embedding(4, 3)", "Embedding(7, 3)")
    model = model.replace("Concatenate()([a, ", 'Concatenate()([StreamNormalization("a")(a), ')
    (directory / "model.py").write_text(f"from millstream import StreamNormalization\n{model}")
    made = Project(directory, kafka.bootstrap_servers, topic)
    create_topic(kafka.bootstrap_servers, topic)
    for part in range(ROUNDS):
        made.produce(make_rows(PER_ROUND, part))
    ended = made.command("run", "--stop-when-idle", "0.5")
    assert ended.code == 0, ended.output
    return made


def make_rows(count: int, part: int) -> Iterator[bytes]:
    """Records whose words come in one after another."""
    random = np.random.default_rng(part)
    words = ["p", *(f"w{i}" for i in range(2 * part + 1))]
    for _ in range(count):
        a, b, kind = random.normal(), random.normal(), str(random.choice(words))
        row = {"a": 3 + a, "b": b, "kind": kind, "y": bool(a + 0.5 * b > 0)}
        yield json.dumps(row).encode()


def content(project: Project) -> dict[str, str]:
    """Every file of the state folder, but for what the process that holds it writes."""
    return {
        str(path.relative_to(project.state_dir)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(project.state_dir.rglob("*"))
        if path.is_file() and path.name not in BESIDE
    }


@pytest.mark.slow
def test_a_chain_is_replayed_from_scratch_and_nothing_is_left(project: Project) -> None:
    before = content(project)
    killed = project.command("replay", "--from-scratch", MILLSTREAM_FAULT="replay.round:2")
    assert killed.code == -signal.SIGKILL, killed.output
    assert content(project) == before
    assert len(leftovers(project.state_dir)) == 1
    replayed = project.command("replay", "--from-scratch", "--json")
    assert replayed.code == 0, replayed.output
    told = json.loads(replayed.output[replayed.output.index("{") :])
    assert [item["round"] for item in told["rounds"]] == [0, 1, 2, 3]
    assert [item["records"] for item in told["rounds"]] == [0, 300, 300, 300]
    assert {item["verdict"] for item in told["rounds"]} == {"identical"}
    folders = RoundStore(project.state_dir / "rounds").complete()
    assert [item["replayed"] for item in told["rounds"]] == [f.digest() for f in folders]
    assert folders[3].plan().history_rows > 50
    assert len(folders[3].vocabulary()["kind"]) == 6
    assert content(project) == before
    assert leftovers(project.state_dir) == []


@pytest.mark.slow
def test_a_version_is_replayed_with_its_bytes(project: Project) -> None:
    replayed = project.command("replay", "models:/replayed@champion")
    assert replayed.code == 0, replayed.output
    assert "(int8): the same bytes, SHA-256" in replayed.output
    assert "bit for bit the same" in replayed.output


@pytest.mark.slow
@pytest.mark.parametrize(
    ("repeats", "told"),
    [
        (True, "statistics.json: "),
        pytest.param(False, "statistics.features.b.moments.mean: ", marks=pytest.mark.long),
    ],
    ids=["processor", "gpu"],
)
def test_a_chain_ends_with_the_first_round_that_differs(
    project: Project, tmp_path: Path, repeats: bool, told: str
) -> None:
    """As if a machine had gone wrong in the second round, and written down what it had done."""
    copy = Project(tmp_path, project.servers, project.topic)
    shutil.copytree(project.directory, tmp_path, dirs_exist_ok=True)
    second, third = RoundStore(copy.state_dir / "rounds").complete()[2:]
    known = second.statistics()
    assert known is not None
    known["features"]["b"]["moments"]["mean"] += 1e-9
    second.write_statistics(known)
    for folder in (second, third):
        plan = replace(folder.plan(), repeats=repeats)
        (folder.path / "plan.json").write_text(json.dumps(plan.to_json()))
        for name in ("prequential.png", "rungs.json", "pareto.png"):  # they came after the marker
            (folder.path / name).unlink(missing_ok=True)
        folder.mark_done(folder.digest())
    replayed = copy.command("replay", "--from-scratch")
    assert replayed.code == 7, replayed.output
    lines = [line.split() for line in replayed.output.splitlines()]
    assert [line[0] for line in lines if len(line) > 4 and line[0] in "0123"] == ["0", "1", "2"]
    assert f"differs; {told}" in " ".join(replayed.output.split())
    assert "round 2: the replay left another state" in replayed.output


@pytest.mark.slow
def test_offsets_that_are_gone_are_named_and_what_is_left(project: Project) -> None:
    first = RoundStore(project.state_dir / "rounds").folder(1).plan()
    end = first.end.get(project.topic, 2)
    assert end is not None
    delete_before(project, {2: end - 5})
    gone = f"{project.topic}[2] 0 to {end - 6}"
    chain = project.command("replay", "--from-scratch")
    assert chain.code == 7, chain.output
    told = " ".join(chain.output.split())
    assert f"beyond round 0: the broker no longer has offsets {gone};" in told
    assert "rounds that can still be replayed: 2 to 3" in told
    alone = project.command("replay", "1")
    assert alone.code == 7, alone.output
    assert gone in " ".join(alone.output.split())
    assert "rounds that can still be replayed: 2 to 3" in " ".join(alone.output.split())


@pytest.mark.slow
def test_rounds_of_format_1_are_replayed_by_this_version(kafka, tmp_path: Path) -> None:
    """To the bit on the machine that made them, up to rounding on another one."""
    config = copied(tmp_path, kafka.bootstrap_servers)
    create_topic(kafka.bootstrap_servers, TOPIC)
    producer = KafkaProducer(bootstrap_servers=kafka.bootstrap_servers)
    for record in records():
        place = {"partition": record.partition, "timestamp_ms": record.timestamp}
        producer.send(TOPIC, record.value, **place)
    producer.close()
    replays = replay_chain(opened(config), kafka.bootstrap_servers, 2)
    assert [replay.records for replay in replays][:2] == [0, 120]
    for replay in replays:
        near = replay.distance is not None and replay.distance.within(1e-3)
        assert replay.identical or near, replay.tell()


def delete_before(project: Project, offsets: dict[int, int]) -> None:
    admin = KafkaAdminClient(bootstrap_servers=project.servers)
    places = {TopicPartition(project.topic, p): offset for p, offset in offsets.items()}
    admin.delete_records(places)
    admin.close()
