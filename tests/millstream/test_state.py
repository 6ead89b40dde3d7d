"""What a restart reads: states of older versions go on, damaged and foreign ones are refused."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import trainer
from ingest import Position
from millstream.errors import RoundStoreError
from millstream.feature_statistics import statistics_of
from millstream.growing import vocabularies_of
from millstream.opening import check_state
from millstream.pipeline import Pipeline
from millstream.rehearsal import Rehearsal
from millstream.replay.replay import check_beginning
from millstream.round import run_round
from millstream.rounds.marker import Marker
from millstream.rounds.past import Past
from millstream.rounds.seal import seal
from millstream.rounds.store import RoundFolder, RoundStore

from .old_state import TOPIC, copied, next_window, opened


@dataclass(frozen=True, eq=False, repr=False)
class Resumed:
    """A state folder of format 1, and a third round that this version made on it."""

    pipeline: Pipeline
    before: dict[str, bytes]

    @property
    def state_dir(self) -> Path:
        return self.pipeline.config.state_dir

    def look(self) -> None:
        """Read all that a restart goes on from, afresh."""
        pipeline = replace(
            self.pipeline,
            store=RoundStore(self.state_dir / "rounds"),
            past=Past(
                self.pipeline.sampling,
                self.pipeline.schema,
                (TOPIC,),
                self.state_dir / "history",
            ),
        )
        latest = pipeline.store.complete()[-1]
        check_state(pipeline, latest)
        statistics_of(pipeline.schema, latest)
        vocabularies_of(pipeline.schema, latest)
        latest.published()
        report = latest.report()
        trainer.Baselines.from_json(report["prequential"]["state"], "binary")
        Rehearsal.after(report, pipeline.config.history, "auc")


@pytest.fixture(scope="module")
def resumed(tmp_path_factory: pytest.TempPathFactory) -> Resumed:
    pipeline = opened(copied(tmp_path_factory.mktemp("old")))
    before = read_files(pipeline.config.state_dir / "rounds")
    latest = pipeline.store.latest()
    assert latest is not None
    check_state(pipeline, latest)
    window = next_window(pipeline, latest.plan().end)
    folder = run_round(pipeline, latest, window, "test", lambda: False)
    folder.write_published({"version": None, "promoted": False, "reason": "test"})
    return Resumed(pipeline, before)


def read_files(folder: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_a_state_of_format_1_is_resumed_and_left_as_it_is(resumed: Resumed) -> None:
    store = RoundStore(resumed.state_dir / "rounds")
    first, second, third = store.complete()[1:]
    schema = resumed.pipeline.schema
    known, learned = statistics_of(schema, second), statistics_of(schema, third)
    plan, report = third.plan(), third.report()
    assert plan.start == second.plan().end == Position({TOPIC: {0: 160, 1: 80, 2: 0, 3: 0}})
    assert plan.history_rows == 40
    assert report["training"]["diverged"] is None
    assert learned.rows == known.rows + report["sampled"] == 160 + 80
    words = vocabularies_of(schema, second).words["kind"]
    assert (
        words == vocabularies_of(schema, third).words["kind"] == (b"p", b"w1", b"w0", b"w2", b"w3")
    )
    state = report["prequential"]["state"]
    assert state["weight"] == 70 + report["prequential"]["rows"]
    saved = third.history()
    assert saved is not None
    assert 122 < saved["train"]["seen"] <= 122 + report["counts"]["train"]
    assert all(set(side["sha256"]) == set(side["segments"]) for side in saved.values())
    after = read_files(resumed.state_dir / "rounds")
    assert {name: after[name] for name in resumed.before} == resumed.before
    assert Marker.read(first.path / "DONE").files is None
    files = Marker.read(third.path / "DONE").files
    assert files is not None
    assert set(files) == {path.name for path in third.path.iterdir()} - {"DONE", "published.json"}
    resumed.look()


def damages(resumed: Resumed) -> list[Path]:
    """Every file that the next round depends on."""
    folder = RoundStore(resumed.state_dir / "rounds").complete()[-1]
    saved = folder.history()
    assert saved is not None
    segments = [name for side in saved.values() for name in side["segments"]]
    return [
        *sorted(folder.path.iterdir()),
        *(resumed.state_dir / "history" / f"{name}.arrow" for name in segments),
    ]


@settings(deadline=None, max_examples=120)
@given(which=st.floats(0, 1), at=st.floats(0, 1), how=st.integers(0, 8))
def test_a_changed_byte_is_noticed_and_the_file_named(
    resumed: Resumed, which: float, at: float, how: int
) -> None:
    paths = damages(resumed)
    path = paths[int(which * (len(paths) - 1))]
    content = path.read_bytes()
    place = int(at * (len(content) - 1))
    flipped = content[:place] + bytes([content[place] ^ (1 << min(how, 7))]) + content[place + 1 :]
    path.write_bytes(content[:place] if how == 8 else flipped)
    try:
        with pytest.raises((RoundStoreError, trainer.CheckpointError)) as caught:
            resumed.look()
    finally:
        path.write_bytes(content)
    assert path.name in str(caught.value)
    assert "restore" in str(caught.value) or "go back to" in str(caught.value)


def test_a_lost_file_is_named(resumed: Resumed) -> None:
    # Without its marker, a round did not happen; without the other, its publication did not end.
    for path in damages(resumed):
        if path.name not in {"DONE", "published.json"}:
            aside = path.rename(path.with_suffix(".aside"))
            with pytest.raises((RoundStoreError, trainer.CheckpointError), match=path.name):
                resumed.look()
            aside.rename(path)
    resumed.look()


@settings(deadline=None, max_examples=120)
@given(which=st.floats(0, 1), at=st.floats(0, 1), how=st.integers(0, 8))
def test_no_damage_to_a_state_of_format_1_is_a_riddle(
    tmp_path_factory, resumed: Resumed, which: float, at: float, how: int
) -> None:
    """It has no digests: what is still of the right form is read; all else is an error for people.

    Rows are left out, as their files tell where memory is.
    """
    rounds = resumed.state_dir / "rounds"
    marker = rounds / "000003" / "DONE"
    aside = marker.rename(marker.with_name("aside"))
    folder = RoundStore(rounds).complete()[-1]
    paths = [path for path in sorted(folder.path.iterdir()) if path.suffix != ".arrow"]
    path = paths[int(which * (len(paths) - 1))]
    content = path.read_bytes()
    place = int(at * (len(content) - 1))
    flipped = content[:place] + bytes([content[place] ^ (1 << min(how, 7))]) + content[place + 1 :]
    path.write_bytes(content[:place] if how == 8 else flipped)
    try:
        resumed.look()
    except (RoundStoreError, trainer.CheckpointError) as error:
        told = str(error)
    else:
        told = path.name
    finally:
        path.write_bytes(content)
        aside.rename(marker)
    assert path.name in told or "round 2" in told


def test_weights_of_another_round_are_refused(resumed: Resumed) -> None:
    rounds = resumed.state_dir / "rounds"
    newest, marker = rounds / "000003", rounds / "000003" / "DONE"
    first, second = (rounds / f"00000{number}" / "weights.npz" for number in (1, 2))
    kept = second.read_bytes()
    second.write_bytes(first.read_bytes())
    plan = RoundFolder(newest).plan()
    aside = marker.rename(marker.with_name("aside"))
    try:
        with pytest.raises(RoundStoreError, match=r"000002/weights.npz: expected weights"):
            resumed.look()
        with pytest.raises(RoundStoreError, match=r"000002/weights.npz: expected weights"):
            check_beginning(resumed.pipeline, RoundFolder(second.parent), plan)
    finally:
        aside.rename(marker)
        second.write_bytes(kept)
    check_beginning(resumed.pipeline, RoundFolder(second.parent), plan)


def test_numbers_that_nobody_writes_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "DONE"
    path.write_bytes(b'{"files": {}, "format": 2, "weights": NaN, "seal": "x"}')
    with pytest.raises(RoundStoreError, match="DONE: expected finite numbers"):
        Marker.read(path)


def test_a_folder_of_another_state_is_refused(resumed: Resumed, tmp_path: Path) -> None:
    rounds = tmp_path / "rounds"
    shutil.copytree(resumed.state_dir / "rounds", rounds)
    foreign = RoundFolder(rounds / "000002")
    (foreign.path / "DONE").write_text(f"{'0' * 64}\n")
    with pytest.raises(RoundStoreError, match="a round that follows 000002 with marker"):
        RoundStore(rounds).check_chain()


@pytest.mark.parametrize("name", ["report.json", "vocabulary.json", "history.json"])
def test_a_newer_file_is_refused_with_both_formats(
    resumed: Resumed, tmp_path: Path, name: str
) -> None:
    folder = RoundFolder(tmp_path / "000003")
    shutil.copytree(resumed.state_dir / "rounds" / "000003", folder.path)
    value = json.loads((folder.path / name).read_text()) | {"format": 3}
    (folder.path / name).write_text(json.dumps(value))
    (folder.path / "DONE").unlink()
    read = {"report": folder.report, "vocabulary": folder.vocabulary, "history": folder.history}
    with pytest.raises(RoundStoreError, match=rf"{name}: expected format 2 or 1, got 3; use the m"):
        read[name.removesuffix(".json")]()


def test_a_newer_marker_is_refused_with_both_formats(tmp_path: Path) -> None:
    path = tmp_path / "DONE"
    path.write_bytes(seal({"format": 3, "weights": "x", "files": {}}))
    with pytest.raises(RoundStoreError, match="a marker of format 2 or 1, got format 3; use the m"):
        Marker.read(path)


def test_a_checkpoint_of_the_old_state_has_the_weights_it_had(resumed: Resumed) -> None:
    folder = RoundStore(resumed.state_dir / "rounds").folder(2)
    model = resumed.pipeline.learner.model
    assert trainer.load(model, folder.weights) == folder.digest()
    assert np.isfinite(np.concatenate([np.ravel(v) for v in model.get_weights()])).all()
