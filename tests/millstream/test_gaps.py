"""Records that the broker deleted before they were read are told everywhere, and replays agree."""

from __future__ import annotations

import json
import signal
import time
from pathlib import Path

import pytest
from kafka import KafkaAdminClient, TopicPartition

from ingest import Gap
from millstream.rounds.store import RoundFolder, RoundStore
from registry import ModelRegistry

from .project import Project, create_topic, make_project, make_rows


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_records_deleted_in_mid_stream_are_in_plan_tags_status_and_log(
    kafka, topic: str, tmp_path: Path
) -> None:
    project = make_project(tmp_path / "p", kafka.bootstrap_servers, topic)
    path = project.directory / "millstream.toml"
    path.write_text(path.read_text().replace("seconds = 30", "seconds = 2"))
    create_topic(kafka.bootstrap_servers, topic)
    project.produce(make_rows(520, seed=0))
    service = project.start("run")
    wait_for(project, 520)
    service.send_signal(signal.SIGSTOP)
    project.produce(make_rows(8, seed=1))  # a fetch that already waits is answered by these
    time.sleep(1.0)
    project.produce(make_rows(1992, seed=2))
    delete_before(project, {0: 430, 2: 300})
    service.send_signal(signal.SIGCONT)
    wait_for(project, 2520)
    service.send_signal(signal.SIGTERM)
    output, _ = service.communicate(timeout=120)
    assert service.returncode == 0, output

    folders = [f for f in RoundStore(project.state_dir / "rounds").complete() if f.number > 0]
    gaps = [gap for folder in folders for gap in folder.plan().gaps]
    assert {(gap.partition, gap.end) for gap in gaps} == {(0, 430), (2, 300)}
    missing = sum(len(gap) for gap in gaps)
    seen = sum(folder.report()["counts"]["seen"] for folder in folders)
    assert 0 < missing == 2520 - seen
    for gap in gaps:
        assert f"{topic}[{gap.partition}] offsets {gap.start} to {gap.end - 1}" in output

    status = json.loads(project.command("status", "--json").output)
    assert status["live"]["missing"] == missing
    assert [item["missing"] for item in status["rounds"]] == [f.plan().missing for f in folders]
    check_versions(project, folders)
    check_replay(project, folders[-1])


def check_replay(project: Project, last: RoundFolder) -> None:
    """A round whose gap was there when it was read first is replayed, gap and all."""
    before = last.plan().end.get(project.topic, 1)
    assert before is not None
    project.produce(make_rows(400, seed=3))
    delete_before(project, {1: before + 25})
    ended = project.command("run", "--stop-when-idle", "2")
    assert ended.code == 0, ended.output
    folder = RoundStore(project.state_dir / "rounds").folder(last.number + 1)
    assert folder.plan().gaps == (Gap(project.topic, 1, before, before + 25),)
    replayed = project.command("replay", str(folder.number))
    assert replayed.code == 0, replayed.output
    assert "bit for bit the same" in replayed.output


def check_versions(project: Project, folders: list) -> None:
    """Each version's tags and metrics tell what its round lacks."""
    uri = f"sqlite:///{project.state_dir / 'mlflow.db'}"
    versions = {
        v.round: v for v in ModelRegistry(project.topic, uri, None, project.topic).versions()
    }
    for folder in folders:
        plan, version = folder.plan(), versions[folder.number]
        told = {name: value for name, value in version.tags.items() if ".gap." in name}
        assert told == {
            f"millstream.gap.{project.topic}.{gap.partition}": f"{gap.start}-{gap.end}"
            for gap in plan.gaps
        }
        assert version.metrics["missing_records"] == plan.missing


def wait_for(project: Project, offset: int) -> None:
    """Until the ends of the last published round's ranges add up to so much."""
    store, deadline = RoundStore(project.state_dir / "rounds"), time.monotonic() + 120
    while True:
        assert time.monotonic() < deadline, f"no round came to {offset}"
        time.sleep(0.1)
        done = [folder for folder in store.complete() if folder.published() is not None]
        if done and sum(r.end for r in done[-1].plan().ranges) >= offset:
            return


def delete_before(project: Project, offsets: dict[int, int]) -> None:
    admin = KafkaAdminClient(bootstrap_servers=project.servers)
    try:
        admin.delete_records({TopicPartition(project.topic, p): o for p, o in offsets.items()})
    finally:
        admin.close()
