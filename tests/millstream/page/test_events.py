"""The stream of events: what viewers are told, when, and that many of them share one reader."""

from __future__ import annotations

import asyncio
import hashlib
import re
import time
from pathlib import Path

from millstream.page.files import STATIC
from millstream.page.watch import MOST_FRAMES, Watch, frame

from . import state
from .server import Viewer, served

EVIL = '</script><img src=x onerror="alert(1)">'


def test_a_viewer_is_told_states_and_rounds_and_the_end(tmp_path: Path) -> None:
    state.status(tmp_path, round=2)
    state.settings(tmp_path, EVIL)
    store = state.rounds(tmp_path, 2)
    with served([tmp_path]) as page:
        viewer = Viewer(page.port)
        [now] = viewer.wait("hello")["states"]
        assert (now["pipeline"], now["live"]["round"]) == (0, 2)
        assert [told["round"] for told in page.ask("/api/rounds").value["rounds"]] == [1, 2]
        assert page.ask("/api/state").value["names"] == [EVIL]
        state.status(tmp_path, round=3, step=4, epoch=1, losses={"loss": 0.5})
        told = viewer.wait("state", title="Running", detail="round 3: training, 1 epochs done")
        assert told["curve"] == [{"epoch": 1, "losses": {"loss": 0.5}}]
        state.write_round(store, 3, state.TOPIC)
        assert viewer.wait("round", round=3)["version"] == 3
        detail = page.ask("/api/rounds/3").value
        assert detail["rungs"][-1] == {"rung": "layers_int8", "skipped": "no layer can be left out"}
        state.status(tmp_path, phase="stopped", round=3)
        page.server.should_exit = True
        viewer.join()
        viewer.wait("state", title="Stopped")
        assert viewer.events[-1] == ("bye", {})


def test_text_that_utf_8_cannot_hold_and_settings_of_another_form_are_shown(tmp_path: Path) -> None:
    first, second = tmp_path / "one" / "s", tmp_path / "two" / "s"
    state.settings(first, "\ud800")
    second.mkdir(parents=True)
    (second / "config.json").write_text('{"settings": 1}')
    with served([first, second]) as page:
        assert page.ask("/api/state").value["names"] == ["\ud800", "two"]
    state.settings(first, "fraud")
    state.settings(second, "fraud")
    with served([first, second]) as page:
        assert page.ask("/api/state").value["names"] == ["fraud (one)", "fraud (two)"]


def test_several_folders_share_a_page(tmp_path: Path) -> None:
    first, second = tmp_path / "one" / ".millstream", tmp_path / "two" / ".millstream"
    state.rounds(first, 1)
    with served([first, second]) as page:
        assert page.ask("/api/state").value["names"] == ["one", "two"]
        assert len(page.ask("/api/rounds?pipeline=0").value["rounds"]) == 1
        assert page.ask("/api/rounds?pipeline=1").value["rounds"] == []
        state.status(second)
        viewer = Viewer(page.port)
        viewer.wait("state", pipeline=1, title="Running")
        assert page.act("pause", {"pipeline": 1}).status == 200
        viewer.wait("state", pipeline=1, title="Paused")
        assert (second / "paused.json").exists()
        assert not (first / "paused.json").exists()
        page.server.should_exit = True
        viewer.join()


def test_a_hundred_viewers_are_told_the_same(tmp_path: Path) -> None:
    state.status(tmp_path, round=1)
    with served([tmp_path]) as page:
        viewers = [Viewer(page.port) for _ in range(100)]
        for viewer in viewers:
            viewer.wait("hello")
        state.status(tmp_path, round=7, step=4)
        for viewer in viewers:
            viewer.wait("state", detail="round 7: testing and training")
        assert page.ask("/api/state").status == 200
        page.server.should_exit = True
        for viewer in viewers:
            viewer.join()


def test_counters_are_told_about_once_a_second_and_all_else_at_once(tmp_path: Path) -> None:
    async def frames() -> list[bytes]:
        watch, found = Watch([tmp_path], lambda: False), []
        async with watch.running():
            seen, begun = 0, time.monotonic()
            for number in range(300):
                state.status(tmp_path, records=number, round=5, step=4 if number > 150 else 1)
                await asyncio.sleep(0.01)
                if new := watch.since(seen):
                    found.append(new)
                seen = watch.version
            took = time.monotonic() - begun
        assert 3 <= len(found) <= took + 3
        return found

    told = asyncio.run(frames())
    assert sum(b'"step":4' in text for text in told) >= 1


def test_a_viewer_that_missed_rounds_loads_them_anew(tmp_path: Path) -> None:
    watch = Watch([tmp_path], lambda: False)
    for number in range(MOST_FRAMES + 2):
        watch._tell_round(frame("round", {"round": number}))
    assert b"event: reload" in watch.since(1)
    assert b"event: reload" not in watch.since(watch.version - 5)
    assert watch.since(watch.version - 5).count(b"event: round") == 5
    assert watch.since(watch.version) == b""


def test_a_frame_is_one_event_whatever_is_in_it() -> None:
    text = frame("state", {"topic": "a\n\ndata: b\r\nevent: c", "loss": float("nan"), "m": EVIL})
    assert text.count(b"\n") == 3
    assert text.endswith(b"\n\n")
    assert b"NaN" not in text


def test_what_is_vendored_is_what_was_published() -> None:
    vendor = STATIC / "vendor"
    named = re.findall(r"^ +([0-9a-f]{64})  .*, here (\S+)$", (vendor / "README").read_text(), re.M)
    assert {name for _, name in named} == {"uPlot.js", "uPlot.css"}
    for digest, name in named:
        assert hashlib.sha256((vendor / name).read_bytes()).hexdigest() == digest
    assert "MIT" in (vendor / "uPlot.LICENSE").read_text()
