"""Records that fit the schema but not the model, and champions that cannot be compared."""

from __future__ import annotations

import json
from pathlib import Path

from millstream.rounds.store import RoundStore

from .project import Project, create_topic, make_project, make_rows


def outcomes(project: Project) -> list[dict]:
    rounds = [f for f in RoundStore(project.state_dir / "rounds").complete() if f.number]
    return [{**f.report(), **(f.published() or {})} for f in rounds]


def test_a_record_that_the_model_cannot_take_costs_its_round_only(
    kafka, topic: str, tmp_path: Path
) -> None:
    """An index outside the embedding's table: the round is recorded as failed, the next works."""
    create_topic(kafka.bootstrap_servers, topic)
    project = make_project(tmp_path / "p", kafka.bootstrap_servers, topic)
    path = project.directory / "millstream.toml"
    text = path.read_text().replace('b = "float32"', 'b = "float32"\nplace = "int32"')
    path.write_text(text)
    model = (project.directory / "model.py").read_text()
    model = model.replace(
        'kind = keras.Input((1,), name="kind", dtype="int32")',
        'kind = keras.Input((1,), name="kind", dtype="int32")\n'
        '    place = keras.Input((1,), name="place", dtype="int32")\n'
        "    where = layers.Flatten()(layers.Embedding(3, 2)(place))",
    )
    model = model.replace("Concatenate()([a, b,", "Concatenate()([a, b, where,")
    model = model.replace('"kind": kind}', '"kind": kind, "place": place}')
    (project.directory / "model.py").write_text(model)

    def rows(seed: int, place: int) -> list[bytes]:
        return [
            json.dumps({**json.loads(row), "place": place}).encode()
            for row in make_rows(500, seed=seed)
        ]

    for seed, place in enumerate((1, 99, 2)):
        project.produce(rows(seed, place))
        ended = project.command("run", "--stop-when-idle", "0.5")
        assert ended.code == 0, ended.output
        assert "Traceback" not in ended.output
    first, second, third = outcomes(project)
    assert first["version"] == 1
    assert second["version"] is None
    assert "range (min, max)" in second["prequential"]["failed"]
    assert second["training"]["diverged"]
    assert third["version"] == 2
    assert sum(item["counts"]["seen"] for item in (first, second, third)) == 1500
    replayed = project.command("replay", "2")
    assert replayed.code == 0, replayed.output
    assert "bit for bit the same" in replayed.output


def test_a_champion_with_other_inputs_does_not_block_a_new_learner(
    kafka, topic: str, tmp_path: Path
) -> None:
    create_topic(kafka.bootstrap_servers, topic)
    project = make_project(tmp_path / "p", kafka.bootstrap_servers, topic)
    project.produce(make_rows(600, seed=1))
    assert project.command("run", "--stop-when-idle", "0.5").code == 0
    for name, before, after in (
        ("millstream.toml", 'b = "float32"\n', ""),
        ("model.py", 'a, b = keras.Input((1,), name="a"), keras.Input((1,), name="b")', SINGLE),
        ("model.py", "[a, b, layers", "[a, layers"),
        ("model.py", '{"a": a, "b": b, "kind": kind}', '{"a": a, "kind": kind}'),
    ):
        path = project.directory / name
        assert before in path.read_text()
        path.write_text(path.read_text().replace(before, after))
    refused = project.command("run", "--stop-when-idle", "0.5")
    assert refused.code == 6
    assert "another service.state_dir" in refused.output
    (project.state_dir / "rounds").rename(project.state_dir / "rounds-before")
    ended = project.command("run", "--stop-when-idle", "0.5")
    assert ended.code == 0, ended.output
    (outcome,) = outcomes(project)
    assert outcome["promoted"]
    assert "version 1, cannot be scored on these records" in outcome["champion_note"]


SINGLE = 'a = keras.Input((1,), name="a")'
