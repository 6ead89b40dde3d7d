"""The page in a real browser, of folders without a service: several, foreign text, and nothing."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from millstream.pause import is_paused

from . import state
from .browser import SIDEWAYS, TAB, Browser
from .server import TOKEN, served

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
UP, DOWN = "\ue013", "\ue015"
EVIL = '<img src=x onerror="document.title=\'owned\'"><script>document.title="owned"</script>'
ONE_ROW = """return ['.choose', '#link', '#act'].every((name) =>
    document.querySelector(name).getBoundingClientRect().top < 40)"""


def test_pipelines_are_chosen(browser: Browser, tmp_path: Path) -> None:
    """By keyboard, from two; what is shown, kept in the address and acted on is the chosen one."""
    folders = [tmp_path / name / ".millstream" for name in ("loans", "churn")]
    for number, folder in enumerate(folders):
        state.settings(folder, folder.parent.name)
        state.rounds(folder, 2 + number, topic=folder.parent.name)
        write_state(folder, 2 + number)
    with served(folders, token_file=tmp_path / "page.token") as page:
        url = f"http://127.0.0.1:{page.port}/"
        browser.look(f"{url}?pipeline=7")  # as of a file that had more of them
        it_shows(browser, "loans", "v2")
        for _ in range(2):  # the skip link, the chooser
            browser.driver.switch_to.active_element.send_keys(TAB)
        assert browser.run("return document.activeElement.id") == "pipelines"
        browser.driver.switch_to.active_element.send_keys(DOWN)
        it_shows(browser, "churn", "v3")
        assert browser.driver.current_url == f"{url}?pipeline=1"
        write_state(folders[0], 2, phase="stopped")
        browser.until(lambda: "loans: Stopped" in browser.text("#pipelines"), "the other's end")
        for width, scheme in ((390, "light"), (390, "dark"), (1280, "dark")):
            browser.look(f"{url}?pipeline=1", width, scheme)
            it_shows(browser, "churn", "v3")
            browser.until(lambda: browser.find("#act").is_displayed(), "the actions")
            assert browser.run(SIDEWAYS) <= width
            assert browser.run(ONE_ROW)
        browser.find("#act").click()
        assert f"It is in {tmp_path / 'page.token'}, on" in browser.text("#token-note")
        browser.find("#token").send_keys(TOKEN, "\n")
        browser.until(lambda: browser.find("#unlocked").is_displayed(), "the token's answer")
        browser.find("#do-pause").click()
        browser.until(lambda: browser.text("#title") == "Paused", "the pause")
        assert [is_paused(folder) for folder in folders] == [False, True]
        browser.find("#close-actions").click()
        browser.find("#pipelines").send_keys(UP)
        it_shows(browser, "loans", "v2")
        assert browser.text("#title") == "Stopped"
        assert browser.faults() == []


def write_state(folder: Path, number: int, **changes: Any) -> None:
    """A service after that round, on a topic of its folder's name."""
    parts = state.partitions(2, folder.parent.name)
    state.status(folder, **{"round": number, "step": 1, "partitions": parts, **changes})


def it_shows(browser: Browser, name: str, newest: str) -> None:
    """Every part is of that pipeline."""
    browser.until(lambda: name in browser.text("#settings"), "the settings")
    browser.until(lambda: newest in browser.text("#rungs-title"), "the rungs")
    assert f"{name}[0]" in browser.text("#partitions")
    assert browser.text("#versions tbody th") == newest[1:]
    assert browser.driver.title.endswith(f" · {name}")
    assert browser.run("return document.querySelector('#pipelines :checked').text").startswith(name)


def test_foreign_text_is_shown_as_text(browser: Browser, tmp_path: Path) -> None:
    parts = {f"{EVIL}[0]": {"end": 5, "position": 2, "lag": 3, "records_per_s": 1.0}}
    state.settings(tmp_path, EVIL)
    store = state.rounds(tmp_path, 1)
    folder = store.folder(1)
    words = json.dumps(EVIL)[1:-1]
    told = json.loads(json.dumps(state.publication(1)).replace("int8", words))
    folder.write_published({**told, "reason": EVIL, "verdict": {"sentence": EVIL, "setting": EVIL}})
    state.status(tmp_path, round=1, partitions=parts, kafka=EVIL, losses={f"loss{EVIL}": 1.0})
    with served([tmp_path, tmp_path / "other"]) as page:
        browser.look(f"http://127.0.0.1:{page.port}")
        browser.until(lambda: EVIL in browser.text("#rungs"), "the rungs")
        for place in ("#pipelines", "#versions", "#verdict", "#partitions", "#settings", "footer"):
            assert EVIL in browser.text(place), place
        assert browser.run("return document.images.length") == 0
        assert "owned" not in {browser.driver.title, browser.run("return document.title")}
        assert browser.faults() == []


@pytest.mark.parametrize("width", [390, 1280])
def test_where_nothing_has_run_it_says_so(browser: Browser, tmp_path: Path, width: int) -> None:
    with served([tmp_path / "nothing" / ".millstream"]) as page:
        browser.look(f"http://127.0.0.1:{page.port}", width)
        browser.until(lambda: browser.text("#versions"), "the versions")
        assert browser.text("#title") == "Not started"
        assert "millstream run" in browser.text("#detail")
        assert "No round has ended yet" in browser.text("#versions")
        assert "undefined" not in browser.text("body")
        assert "NaN" not in browser.text("body")
        assert browser.run(SIDEWAYS) <= width
        assert browser.faults() == []
    browser.until(lambda: browser.find("#notice").is_displayed(), "a word about the end")
