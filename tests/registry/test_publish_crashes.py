"""Publishing is killed between every two of its steps, and then published again."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from keras_models import Sample


@pytest.mark.slow
def test_kill_9_between_any_two_steps(
    samples: dict[str, Sample], empty_store: Path, tmp_path: Path
) -> None:
    sample = samples["regression"]
    shutil.copyfile(empty_store, tmp_path / "empty.db")
    (tmp_path / "model.tflite").write_bytes(sample.tflite)
    (tmp_path / "schema.json").write_text(json.dumps(sample.schema))
    script = Path(__file__).with_name("crashing_publisher.py")
    done = subprocess.run([sys.executable, script, tmp_path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    told = json.loads((tmp_path / "results.json").read_text())
    assert told["steps"] == [
        "experiment",
        "registered_model",
        "run",
        "numbers",
        "artifacts",
        "run_finished",
        "turn",
        "version",
        "journal",
        "alias",
        "previous",
        "entry",
        "journal_done",
        "announced",
    ]
    undisturbed = {r["start"]: r["state"] for r in told["results"] if not r["deaths"]}
    for start, versions in {"base": [1, 2], "empty": [2]}.items():
        state = undisturbed[start]
        assert state["versions"] == versions
        assert state["champion"] == state["returned"] == len(versions)
        assert state["runs"] == [[True, "FINISHED"]]
        assert state["model_tags"] == ["millstream.promotion"]
        assert state["same_bytes"]
        before = [None, *versions[:-1]]
        assert state["journal"] == [
            [old, new, "done"] for old, new in zip(before, range(1, len(versions) + 1), strict=True)
        ]
        assert state["previous"] == versions[:-1]
        files = {"report.json", "model/MLmodel", "model/README.md", "keras/model.keras"}
        assert files | {"model/artifacts/model.tflite.gzip"} <= set(state["files"])
        assert state["inputs"] == [{"records": {"0": [[20, 30]]}}]
    for result in told["results"]:
        assert result["ends"] == [signal.SIGKILL] * len(result["deaths"]), result["deaths"]
        assert result["state"] == undisturbed[result["start"]], result["deaths"]
