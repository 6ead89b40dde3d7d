"""The commands that the README shows, run as they are written, by a shell."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

README = (Path(__file__).parents[2] / "README.md").read_text()
BIN = Path(sys.executable).parent


def section(title: str) -> str:
    return README.split(f"\n## {title}\n")[1].split("\n## ")[0]


def commands(text: str) -> list[str]:
    """The indented lines, without their comments."""
    lines = re.findall(r"^    (\S.*)$", text, re.MULTILINE)
    return [line.split("   #")[0].split("  #")[0].strip() for line in lines]


def shell(command: str, cwd: Path) -> str:
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "160", "PATH": f"{BIN}:{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
        timeout=180,
    )
    assert done.returncode == 0, f"{command}: {done.stdout}{done.stderr}"
    return done.stdout


@pytest.fixture
def up(tmp_path: Path):
    """The folder that `init` made, with `up` running in it."""
    install, init, keep_running = commands(section("Your own stream"))[:3]
    assert install.startswith("pip install")
    assert keep_running == "millstream up"
    shell(init, tmp_path)
    folder = tmp_path / "fraud"
    log = (tmp_path / "up.log").open("w")
    process = subprocess.Popen([BIN / "millstream", "up"], cwd=folder, stdout=log, stderr=log)
    deadline = time.monotonic() + 120
    while not (folder / ".millstream" / "up.json").exists():
        assert process.poll() is None, (tmp_path / "up.log").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.2)
    yield folder
    process.send_signal(signal.SIGTERM)
    assert process.wait(60) == 0
    log.close()


@pytest.mark.slow
def test_the_readme_from_init_to_pull(up: Path) -> None:
    outputs = {
        command: shell(command, up)
        for command in commands(section("Your own stream"))[3:] + commands(section("Pull"))[:1]
    }
    told = "\n".join(outputs.values())
    assert "sent 20,000 records to topic events" in told
    assert "round 1:" in told
    assert "champion" in outputs["millstream versions"]
    assert (up / "model" / "model.tflite").is_file()
    snippet = re.search(r"```python\n(.*?)```", section("Pull"), re.DOTALL)
    assert snippet is not None
    code = snippet.group(1).replace("model.predict(", "answer = model.predict(")
    shell(f"python - <<'CODE'\n{code}\nassert 0.0 <= float(answer[0]) <= 1.0\nCODE", up)
    assert "ok" in shell("millstream doctor", up)


@pytest.mark.slow
def test_the_demo_in_short(tmp_path: Path) -> None:
    output = shell("millstream demo --limit 60000 --rate 6000", tmp_path)
    assert "60,000 records in" in output
    assert "predicted without TensorFlow and without millstream" in output
    assert (tmp_path / "flights-demo" / "prequential.png").stat().st_size > 10_000
    then = commands(output.split("Next:")[1].replace("\n  ", "\n    "))
    shell(then[0], tmp_path)
    shell(then[1], tmp_path / "flights-demo")
