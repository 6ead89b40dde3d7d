"""Real processes that publish at the same moment cross neither versions nor aliases."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from keras_models import Sample

PROCESSES, ROUNDS = 3, 3


@pytest.fixture(scope="module")
def told(
    samples: dict[str, Sample], empty_store: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, Any]:
    folder, sample = tmp_path_factory.mktemp("at-once"), samples["regression"]
    shutil.copyfile(empty_store, folder / "empty.db")
    (folder / "model.tflite").write_bytes(sample.tflite)
    (folder / "schema.json").write_text(json.dumps(sample.schema))
    script = Path(__file__).with_name("publishers_at_once.py")
    done = subprocess.run([sys.executable, script, folder], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return json.loads((folder / "results.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize("meeting", ["start", "run_finished"])
def test_a_round_has_one_version_however_many_publish_it(told: Any, meeting: str) -> None:
    """All find no version and make a whole run; one run becomes the version, the others go."""
    assert told[meeting] == {
        "returned": [1] * PROCESSES,
        "aliases": ["champion"],
        "runs": [True],
        "models": 1,
        "journal": [[1, None, 1, "done"]],
        "tags": ["millstream.promotion"],
        "same_bytes": True,
    }


@pytest.mark.slow
def test_publishers_of_different_rounds_do_not_cross(told: Any) -> None:
    """Of those that compared with one champion, one wins; the others ask the gate again."""
    found = told["rounds"]
    journal, compared = found["journal"], found["compared_with"]
    assert [number for number, *_ in journal] == list(range(1, len(journal) + 1))
    assert all(state == "done" for *_, state in journal)
    for (_, _, before, _), (_, old, new, _) in pairwise(journal):
        assert old == before < new
        assert compared[str(new)] == str(old)
    assert found["champion"] == journal[-1][2]
    promoted = {int(number) for number, (done, _) in found["states"].items() if done}
    assert promoted == {to for _, _, to, _ in journal}
    assert len(found["states"]) == 1 + PROCESSES * ROUNDS
    for number, (done, reason) in found["states"].items():
        assert done or "which is the champion by now, is newer" in reason, number
    assert sum(found["overtaken"]) + len(found["states"]) - len(promoted) >= (PROCESSES - 1)
    assert found["tags"] == ["millstream.promotion"]
