"""The whole service through TLS and SASL, with secrets from environment and files, told nowhere."""

from __future__ import annotations

import base64
import json
from pathlib import Path

import pytest
from kafka import KafkaAdminClient

from ingest.kafka.client import open_client
from millstream.rounds.store import RoundStore
from tests.millstream.project import (
    Finished,
    Project,
    create_topic,
    make_project,
    make_rows,
    read_all,
)
from tests.security.certificates import Authority
from tests.security.conftest import HOST, KEY_PASSWORD, PASSWORD, USER, Secured

WRONG = "wr0ng-pa55-v8Tn"
TOLD = [PASSWORD, KEY_PASSWORD, WRONG]
TOLD += [base64.b64encode(f"\0{USER}\0{word}".encode()).decode() for word in TOLD]


def secured_project(
    folder: Path, secured: Secured, way: str, topic: str, **overrides: object
) -> Project:
    """A project that reaches the broker by one of its ways, and logs all that it does."""
    project = make_project(folder, secured.address(way), topic, **overrides)
    options = secured.options(way)
    del options["bootstrap_servers"]
    (folder / "password").write_text(f"{PASSWORD}\n")
    hidden = {
        "sasl_plain_password": f"${{file:{folder}/password}}",
        "ssl_password": "${KEY_PASSWORD}",
        "ssl_cafile": "ca.pem",
    }
    (folder / "ca.pem").write_bytes(secured.authority.file.read_bytes())
    lines = [f"{n} = {json.dumps(hidden.get(n, v))}" for n, v in options.items()]
    lines = ["[kafka.options]", "bootstrap_timeout_ms = 2500", *lines, "[schema]"]
    text = (folder / "millstream.toml").read_text().replace("[schema]", "\n".join(lines), 1)
    (folder / "millstream.toml").write_text(f'{text}log_level = "debug"\n')
    return project


def told(project: Project, *ended: Finished) -> list[str]:
    """Where a secret is: in the output, or in a file of the state folder."""
    found = [f"output: {run.output}" for run in ended if any(word in run.output for word in TOLD)]
    files = [path for path in project.state_dir.rglob("*") if path.is_file()]
    assert len(files) > 2
    for path in files:
        content = path.read_bytes()
        found += [f"{path}: {word}" for word in TOLD if word.encode() in content]
    return found


@pytest.mark.slow
def test_the_service_trains_and_tells_no_secret(
    secured: Secured, topic: str, tmp_path: Path
) -> None:
    """With a certificate of ours, whose key has a password, and a user with another."""
    plain = secured.address("PLAIN")
    create_topic(plain, topic)
    project = secured_project(tmp_path / "p", secured, "BOTH", topic, epochs=1)
    rows = [*make_rows(500, seed=1), b"no record"]
    Project(project.directory, plain, topic).produce(rows)
    ended = project.command("run", "--stop-when-idle", "2", KEY_PASSWORD=KEY_PASSWORD)
    assert ended.code == 0, ended.output
    counts = RoundStore(project.state_dir / "rounds").folder(1).report()["counts"]
    assert (counts["seen"], counts["bad"]) == (501, 1)
    assert [letter.value for letter in read_all(plain, f"{topic}.dead-letters")] == [b"no record"]
    assert committed(secured, f"millstream.{topic}") == 501
    seen = project.command("doctor", KEY_PASSWORD=KEY_PASSWORD)
    shown = " ".join(seen.output.split())
    assert f"{secured.address('BOTH')}: topics {topic}" in shown
    assert "1 of the newest 501 records are bad" in shown
    assert (project.state_dir / "mlflow.db").exists()
    assert told(project, ended, seen) == []


def committed(secured: Secured, group: str) -> int:
    """The sum of the offsets that a group has committed."""
    admin = open_client(KafkaAdminClient, secured.options("PLAIN"), {})
    try:
        return sum(at.offset for at in admin.list_group_offsets([group])[group].values())
    finally:
        admin.close()


REFUSALS = {
    "password": (
        "it refuses user 'alice'; check kafka.options.sasl_plain_username and sasl_plain_password"
    ),
    "authority": "its certificate is not signed by an authority that we trust",
    "host": "its certificate is not for localhost; name it in kafka.bootstrap_servers",
}


@pytest.mark.parametrize("fault", REFUSALS)
def test_a_refusal_is_one_line_without_a_secret(
    fault: str, secured: Secured, topic: str, tmp_path: Path
) -> None:
    project = secured_project(tmp_path / "p", secured, "SCRAM", topic)
    if fault == "password":
        (project.directory / "password").write_text(WRONG)
    elif fault == "authority":
        other = Authority(tmp_path / "other", "another authority")
        (project.directory / "ca.pem").write_bytes(other.file.read_bytes())
    else:
        path = project.directory / "millstream.toml"
        path.write_text(path.read_text().replace(f'"{HOST}:', '"localhost:'))
    (project.directory / "rows.jsonl").write_text('{"a": 1}\n')
    ended = project.command("publish", "rows.jsonl", "--topic", topic, KEY_PASSWORD=KEY_PASSWORD)
    check_refusal(ended, REFUSALS[fault])


@pytest.mark.slow
def test_a_service_that_is_refused_says_so_in_its_status(
    secured: Secured, topic: str, tmp_path: Path
) -> None:
    project = secured_project(tmp_path / "p", secured, "SCRAM", topic)
    (project.directory / "password").write_text(WRONG)
    ended = project.command("run", KEY_PASSWORD=KEY_PASSWORD)
    check_refusal(ended, REFUSALS["password"])
    status = json.loads((project.state_dir / "status.json").read_text())
    assert REFUSALS["password"] in status["note"]
    assert told(project, ended) == []


def check_refusal(ended: Finished, expected: str) -> None:
    assert ended.code == 4, ended.output
    assert "Traceback" not in ended.output
    lines = [line for line in ended.output.splitlines() if line.startswith("error: ")]
    assert len(lines) == 1, ended.output
    assert expected in lines[0]
    assert not [word for word in TOLD if word in ended.output]
