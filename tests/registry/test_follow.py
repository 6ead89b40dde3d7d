"""Following an alias: promotions, roll-backs, damage, silence; the version in use stays in use."""

from __future__ import annotations

import json
import logging
import os
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from itertools import islice
from pathlib import Path

import pytest
from mlflow import MlflowClient
from servers import free_port
from test_predictor import RAW

import millstream
from registry import ModelRegistry, PullError, VersionNotFound
from registry.following import Follower
from registry.shelf import open_shelf

ROOT = Path(__file__).parents[2]
ROW = {name: values[0] for name, values in RAW.items()}


@pytest.fixture(scope="module")
def three(tmp_path_factory: pytest.TempPathFactory, empty_store: Path, publication):
    """Three versions; each test puts the alias where it wants it."""
    folder = tmp_path_factory.mktemp("three")
    (folder / "mlflow.db").write_bytes(empty_store.read_bytes())
    registry = ModelRegistry("flights", f"sqlite:///{folder / 'mlflow.db'}", folder / "artifacts")
    for number in (1, 2, 3):
        compared = number - 1 or None
        registry.publish(publication(round=number, compared_with=compared))
    return registry, folder


def champion(registry: ModelRegistry, number: int) -> None:
    client = MlflowClient(registry.tracking_uri, registry.tracking_uri)
    client.set_registered_model_alias("flights", "champion", str(number))


def versions(out: Path) -> list[str]:
    return sorted(path.name for path in (out / "versions").iterdir())


def test_models_come_as_the_alias_moves(three, tmp_path: Path) -> None:
    registry, _ = three
    champion(registry, 1)
    out, stop = tmp_path / "out", threading.Event()
    seen = []
    models = millstream.follow(
        "flights", out=out, every=0.01, tracking_uri=registry.tracking_uri, stop=stop
    )
    for model, following in zip(models, [2, 3, 2, 1, None], strict=False):
        number = model.version.version
        assert model.folder == out.resolve() / "versions" / str(number)
        assert (out / "current").resolve() == model.folder
        seen.append((number, versions(out), model.predict(ROW).shape))
        if following is None:
            stop.set()
        else:
            champion(registry, following)
    assert [number for number, _, _ in seen] == [1, 2, 3, 2, 1]
    assert [kept for _, kept, _ in seen] == [["1"], ["1", "2"], ["2", "3"], ["2", "3"], ["1", "2"]]
    assert {shape for _, _, shape in seen} == {(1,)}
    assert list(models) == []
    assert (out / "previous").resolve().name == "2"


@pytest.mark.parametrize(("alias", "number"), [("previous", 2), ("candidate", 3), ("latest", 3)])
def test_other_aliases(three, alias: str, number: int) -> None:
    registry, _ = three
    uri = registry.tracking_uri
    client = MlflowClient(uri, uri)
    if alias == "candidate":
        client.set_registered_model_alias("flights", alias, "3")
    (model,) = islice(millstream.follow(f"flights@{alias}", tracking_uri=uri), 1)
    assert model.version.version == number
    assert model.folder is not None
    assert millstream.load(f"flights@{alias}", uri).version.version == number


def test_a_damaged_version_is_told_once_and_not_used(
    three, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry, folder = three
    run = registry.version(2).run_id
    (path,) = (p for p in folder.rglob("artifacts/model.tflite.gzip") if run in p.parts)
    content = path.read_bytes()
    champion(registry, 1)
    caplog.set_level(logging.INFO, "millstream")
    with open_shelf(tmp_path / "out", "flights@champion") as shelf:
        follower = Follower(registry, "champion", shelf, 10.0)
        assert follower.look()
        champion(registry, 2)
        path.write_bytes(content[:100])
        try:
            looks = [(follower.look(), follower.pause_s) for _ in range(5)]
        finally:
            path.write_bytes(content)
        assert looks == [(False, pause) for pause in (10.0, 20.0, 40.0, 60.0, 60.0)]
        assert follower.model is not None
        assert follower.model.version.version == 1
        assert versions(tmp_path / "out") == ["1"]
        (told,) = caplog.messages
        assert "the model of flights/2 is damaged: expected a whole gzip file, got 100" in told
        assert told.endswith("version 1 stays in use, and it is tried again")
        assert follower.look()
        assert follower.pause_s == 10.0
        assert not follower.look()
        assert caplog.messages[1:] == ["flights@champion can be followed again"]


def test_the_kept_version_comes_first_while_mlflow_is_away(
    three, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    registry, _ = three
    champion(registry, 3)
    out, away = tmp_path / "out", "http://127.0.0.1:9"
    (model,) = islice(millstream.follow("flights", out, tracking_uri=registry.tracking_uri), 1)
    stamp = (model.folder / "version.json").stat().st_ino
    (kept,) = islice(millstream.follow("flights", out, tracking_uri=away), 1)
    assert kept.version == model.version
    (told,) = caplog.messages
    assert "no MLflow server answers at http://127.0.0.1:9" in told
    assert "version 3 stays in use" in told
    (again,) = islice(millstream.follow("flights", out, tracking_uri=registry.tracking_uri), 1)
    assert (again.folder / "version.json").stat().st_ino == stamp
    (again.folder / "model.tflite").write_bytes(b"damaged")
    (mended,) = islice(millstream.follow("flights", out, tracking_uri=registry.tracking_uri), 1)
    assert (mended.folder / "version.json").stat().st_ino != stamp
    assert "the version in use cannot be used, and is pulled again" in caplog.text


def test_nothing_yet_is_waited_for(three, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    registry, _ = three
    stop = threading.Event()
    threading.Timer(0.5, stop.set).start()
    uri = registry.tracking_uri
    for reference in ("flights@challenger", "trains"):
        found = millstream.follow(reference, every=0.01, tracking_uri=uri, stop=stop)
        assert list(found) == []
    assert [message.partition(";")[0] for message in caplog.messages] == [
        "flights@challenger names no version yet",
        "trains@champion names no version yet",
    ]


def test_a_folder_belongs_to_one_follower(three, tmp_path: Path) -> None:
    registry, _ = three
    out = tmp_path / "out"
    with (
        open_shelf(out, "flights@champion"),
        pytest.raises(PullError, match="is in use by another follower"),
    ):
        list(millstream.follow("flights", out, tracking_uri=registry.tracking_uri))
    with pytest.raises(PullError, match="follows flights@champion, not flights@candidate"):
        list(millstream.follow("flights@candidate", out, tracking_uri=registry.tracking_uri))
    (tmp_path / "file").write_text("mine")
    with pytest.raises(PullError, match="cannot follow flights@champion here: "):
        list(millstream.follow("flights", tmp_path / "file", tracking_uri=registry.tracking_uri))
    assert (tmp_path / "file").read_text() == "mine"
    with pytest.raises(VersionNotFound, match="a version by its number never changes"):
        list(millstream.follow("flights/1"))
    with pytest.raises(PullError, match="more than 0 seconds"):
        list(millstream.follow("flights", every=0))


def test_killed_anywhere_in_a_pull_or_out_of_room(three, tmp_path: Path) -> None:
    registry, _ = three
    done = subprocess.run(
        [sys.executable, "killed_followers.py", registry.tracking_uri, str(tmp_path)],
        capture_output=True,
        text=True,
        cwd=Path(__file__).parent,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    assert done.returncode == 0, done.stderr
    *killed, full = json.loads(done.stdout.splitlines()[-1])
    assert len(killed) == 5
    for found in killed:
        print(found)
        assert found["end"] == 9
        is_switched = found["point"] == "switched"
        assert found["dead"]["current"] == ("2" if is_switched else "1")
        assert found["first"] == (2 if is_switched else 1)
        assert found["again"] is not is_switched
        assert found["kept"] == (found["point"] not in {"downloaded", "written"})
    for found in (*killed, full):
        assert (found["number"], found["previous"]) == (2, 1)
        assert found["alive"] == {"current": "2", "versions": ["1", "2"]}
    assert full["end"] == 0
    assert full["dead"] == {"current": "1", "versions": ["1"]}
    (told,) = full["told"]
    assert "File too large" in told
    assert told.endswith("version 1 stays in use, and it is tried again")


def test_the_server_of_the_documentation_swaps_models(
    three, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry, _ = three
    champion(registry, 1)
    port, page = free_port(), ROOT / "docs" / "pull.md"
    code = page.read_text().rpartition("```python\n")[2].partition("```")[0]
    assert "8080" in code
    code = code.replace("8080", str(port)).replace("every=5", "every=0.1")
    environment = {**os.environ, "MLFLOW_TRACKING_URI": registry.tracking_uri}
    environment["PYTHONPATH"] = str(ROOT)
    url = f"http://127.0.0.1:{port}"
    with subprocess.Popen([sys.executable, "-c", code], cwd=tmp_path, env=environment) as server:
        try:
            assert ask_until(url, 1)["predictions"] == ask_until(url, 1)["predictions"]
            champion(registry, 2)
            assert len(ask_until(url, 2)["predictions"]) == 2
            with pytest.raises(urllib.error.HTTPError) as refused:
                ask(url, [{**ROW, "hour": 1.5}])
            assert "expected int32" in json.loads(refused.value.read())["error"]
        finally:
            server.kill()


def ask(url: str, records: object) -> dict:
    with urllib.request.urlopen(url, json.dumps(records).encode(), timeout=10) as answer:
        return json.load(answer)


def ask_until(url: str, version: int) -> dict:
    deadline = time.monotonic() + 120
    while True:
        try:
            found = ask(url, [ROW, ROW])
            if found["version"] == version:
                return found
        except (urllib.error.URLError, ConnectionError):
            pass
        assert time.monotonic() < deadline
        time.sleep(0.1)
