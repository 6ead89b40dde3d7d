"""Bad records in the service: dead-lettered and counted, or, past the ratio, a clear end."""

from __future__ import annotations

from pathlib import Path

from millstream.rounds.store import RoundStore

from .project import create_topic, make_project, make_rows, read_all

BAD = [
    b"",
    b"not json",
    b"{",
    b"[1, 2]",
    b'"text"',
    b'{"a": 1.0, "b": 2.0, "kind": "p", "y": true} {"a": 1.0}',
    b'{"a": 1.0, "b": 2.0, "kind": "p"}',
    b'{"a": null, "b": 2.0, "kind": "p", "y": true}',
    b'{"a": "1.0", "b": 2.0, "kind": "p", "y": true}',
    b'{"a": true, "b": 2.0, "kind": "p", "y": true}',
    b'{"a": NaN, "b": 2.0, "kind": "p", "y": true}',
    b'{"a": Infinity, "b": 2.0, "kind": "p", "y": true}',
    b'{"a": 1e999, "b": 2.0, "kind": "p", "y": true}',
    b'{"a": 1e39, "b": 2.0, "kind": "p", "y": true}',
    b'{"a": 1.0, "b": 2.0, "kind": 7, "y": true}',
    b'{"a": 1.0, "b": 2.0, "kind": "p", "y": 1}',
    b'{"a": 1.0, "b": 2.0, "kind": "\xff", "y": true}',
    b'{"a": 1.0, "b": 2.0, "kind": "p", "y": true, "more": "' + b"x" * 1_000_000 + b'"}',
]


def test_bad_records_are_dead_lettered_and_the_good_ones_trained(
    kafka, topic: str, tmp_path: Path
) -> None:
    create_topic(kafka.bootstrap_servers, topic)
    project = make_project(tmp_path / "p", kafka.bootstrap_servers, topic)
    good = make_rows(600, seed=1)
    for index, bad in enumerate(BAD):
        good.insert(31 * index, bad)
    project.produce(good)
    ended = project.command("run", "--stop-when-idle", "0.5")
    assert ended.code == 0, ended.output
    counts = RoundStore(project.state_dir / "rounds").folder(1).report()["counts"]
    assert counts["seen"] == 600 + len(BAD)
    assert counts["bad"] == len(BAD) == sum(counts["kinds"].values())
    assert counts["train"] + counts["validation"] + counts["test"] == 600
    letters = read_all(kafka.bootstrap_servers, f"{topic}.dead-letters")
    assert len(letters) == len(BAD)
    values = sorted(letter.value[:100] for letter in letters)
    assert values == sorted(bad[:100] for bad in BAD)
    for letter in letters:
        headers = dict(letter.headers)
        assert headers["millstream.reason"]
        assert headers["millstream.topic"] == topic.encode()


def test_too_many_bad_records_end_the_service(kafka, topic: str, tmp_path: Path) -> None:
    create_topic(kafka.bootstrap_servers, topic)
    project = make_project(tmp_path / "p", kafka.bootstrap_servers, topic)
    project.produce([b"rubbish"] * 150 + make_rows(50, seed=1))
    ended = project.command("run", "--stop-when-idle", "0.5")
    assert ended.code == 3, ended.output
    assert "Traceback" not in ended.output
    assert "kafka.max_bad_ratio" in ended.output
    assert "not_json" in ended.output
    assert len(RoundStore(project.state_dir / "rounds").complete()) == 1  # only the untrained one
