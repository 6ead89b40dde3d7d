"""The page of a service that runs, in a real browser."""

from __future__ import annotations

import json
import signal
import urllib.request
from collections import Counter
from typing import Any

import pytest

from millstream.durable import read_json
from millstream.page.token import find_token
from millstream.request import Requests
from millstream.stack.kafka import EmbeddedKafka

from ..project import Project, create_topic, make_project, make_rows
from .browser import SIDEWAYS, TAB, Browser

pytestmark = [pytest.mark.slow, pytest.mark.timeout(600)]
PAPER = "return getComputedStyle(document.body).backgroundColor"


@pytest.fixture(scope="module")
def project(kafka: EmbeddedKafka, tmp_path_factory: pytest.TempPathFactory) -> Project:
    folder, topic = tmp_path_factory.mktemp("live"), "page-of-a-service"
    create_topic(kafka.bootstrap_servers, topic)
    project = make_project(folder / "p", kafka.bootstrap_servers, topic)
    file = project.directory / "millstream.toml"
    file.write_text(file.read_text().replace("[page]\nenabled = false", "[page]\nport = 0"))
    project.produce(make_rows(600, seed=1))
    return project


def figures(browser: Browser) -> dict[str, str]:
    """The key figures by their names."""
    script = """return Object.fromEntries([...document.querySelectorAll('#figures > div')].map(
        (div) => [div.querySelector('dt').innerText, div.querySelector('.value').innerText]))"""
    return browser.run(script)


def published(project: Project) -> list[dict[str, Any]]:
    paths = sorted((project.state_dir / "rounds").glob("*/published.json"))
    return [read_json(path) for path in paths[1:]]


def test_the_page_of_a_service(browser: Browser, project: Project) -> None:
    service = project.start("run")
    try:
        place = project.state_dir / "page.json"
        browser.until(place.exists, "the page's address")
        url = read_json(place)["url"]
        browser.look(url)
        browser.until(lambda: browser.text("#title") in {"Starting", "Running"}, "a start")
        browser.until(lambda: "v1" in browser.text("#versions"), "the first version")
        project.produce(make_rows(600, seed=2))
        browser.until(lambda: "v2" in browser.text("#versions"), "the second version")
        numbers_are_those_of_the_files(browser, project)
        numbers_are_those_of_the_metrics(browser, url)
        it_fits_screens(browser, url)
        it_works_by_keyboard(browser, url)
        actions_do_what_they_say(browser, project)
        # Chromium tells of each answer that is an error; one was wanted.
        assert [f for f in browser.faults() if "actions/check" not in f] == []
    finally:
        service.send_signal(signal.SIGTERM)
        output, _ = service.communicate(timeout=60)
    assert service.returncode == 0, output
    assert f"page    {url}" in output
    browser.until(lambda: browser.find("#notice").is_displayed(), "a word about the end")
    assert "ended" in browser.text("#notice") or "does not answer" in browser.text("#notice")
    assert browser.text("#title") == "Stopped"


def numbers_are_those_of_the_files(browser: Browser, project: Project) -> None:
    """What is shown is what the service wrote."""
    waits = "Waiting for round 3"
    browser.until(lambda: browser.text("#round-title") == waits, "the end of round 2")
    status = read_json(project.state_dir / "status.json")
    first, second = published(project)
    browser.until(lambda: figures(browser)["Champion"] == f"v{status['champion']}", "the champion")
    shown = figures(browser)
    report = read_json(project.state_dir / "rounds" / "000002" / "report.json")
    assert shown["auc"] == f"{report['prequential']['learner']['auc']:.4f}"
    assert shown["Lag"] == "0"
    assert "1,200 since start" in browser.text("#figures")
    assert shown["Dead letters"] == str(status["bad"])
    assert browser.find("#steps [aria-current]").text.endswith("ingest")
    rows = browser.text("#versions").splitlines()
    assert any(first["reason"] in row for row in rows)
    assert any(second["reason"] in row for row in rows)
    chosen = next(rung for rung in second["rungs"] if rung["chosen"])
    browser.until(lambda: chosen["rung"] in browser.text("#rungs"), "the rungs")
    settings = browser.text("#settings")
    assert project.topic in settings
    assert "auc" in browser.text("#quality-text")
    assert browser.run("return document.querySelectorAll('#quality canvas').length") == 1


def numbers_are_those_of_the_metrics(browser: Browser, url: str) -> None:
    """Prometheus is told what people are."""
    shown, found = figures(browser), Counter[str]()
    with urllib.request.urlopen(f"{url}/metrics", timeout=30) as answer:
        for line in answer.read().decode().splitlines():
            if not line.startswith("#"):
                name, _, value = line.rpartition(" ")
                found[name.partition("{")[0]] += float(value)
                found[name] = float(value)
    assert shown["Champion"] == f"v{found['millstream_champion_version']:.0f}"
    assert shown["Lag"] == f"{found['millstream_lag_records']:.0f}"
    assert shown["Waiting"] == f"{found['millstream_pending_records']:.0f}"
    assert shown["Dead letters"] == f"{found['millstream_dead_letters_total']:.0f}"
    assert shown["Gaps"] == f"{found['millstream_gaps_records_total']:.0f}"
    assert found["millstream_records_read_total"] == 1200
    assert found["millstream_rounds_total"] == 2
    assert found["millstream_up"] == 1
    scores = [name for name in found if 'metric="auc"' in name and 'learner"' in name]
    assert [shown["auc"]] == [f"{found[name]:.4f}" for name in scores]


def it_fits_screens(browser: Browser, url: str) -> None:
    """Two widths and two schemes; nothing is wider than the screen."""
    papers = {}
    for width in (390, 1280):
        for scheme in ("light", "dark"):
            browser.look(url, width, scheme)
            browser.until(lambda: "v2" in browser.text("#versions"), "the versions")
            browser.until(lambda: browser.text("#rungs"), "the rungs")
            assert browser.run(SIDEWAYS) <= width
            papers[width, scheme] = browser.run(PAPER)
    assert papers[390, "light"] == papers[1280, "light"] != papers[1280, "dark"]


def it_works_by_keyboard(browser: Browser, url: str) -> None:
    """The first key reaches the skip link, which is seen then; what acts has a name."""
    browser.look(url)
    browser.until(lambda: browser.find("#act").is_displayed(), "the actions")
    browser.driver.switch_to.active_element.send_keys(TAB)
    skip = browser.driver.switch_to.active_element
    assert skip.get_attribute("class") == "skip"
    assert skip.rect["x"] >= 0
    outline = browser.run("return getComputedStyle(document.activeElement).outlineStyle")
    assert outline == "solid"
    unnamed = """
        const all = [...document.querySelectorAll('button, input, select, a, [role=img]')];
        const named = (e) => e.innerText || e.ariaLabel || e.labels?.length;
        return all.filter((e) => !named(e)).map((e) => e.outerHTML)"""
    assert browser.run(unnamed) == []


def actions_do_what_they_say(browser: Browser, project: Project) -> None:
    """A wrong token, the right one, a pause, a round by hand, a roll-back."""
    folder, told = project.state_dir, lambda: browser.text("#told")
    browser.find("#act").click()
    for token in ("wrong", find_token(folder)):
        browser.find("#token").send_keys(token, "\n")
        browser.until(lambda: "token" in told(), "an answer")
        browser.until(lambda: told() != "…", "an answer")
        assert browser.find("#unlocked").is_displayed() == (token != "wrong")
    browser.find("#do-pause").click()
    browser.until(lambda: browser.text("#title") == "Paused", "the pause")
    project.produce(make_rows(40, seed=3))
    browser.find("#do-trigger").click()
    browser.until(lambda: "once the service is resumed" in told(), "the answer")
    browser.until(lambda: figures(browser)["Waiting"] == "40", "the records that wait")
    assert Requests(folder).is_open()
    assert len(published(project)) == 2
    browser.find("#do-pause").click()
    browser.until(lambda: "resumed" in told(), "the answer")
    browser.until(lambda: "v3" in browser.text("#versions"), "the round by hand")
    assert read_json(folder / "rounds" / "000003" / "plan.json")["reason"] == "by hand"
    settings_are_read_again(browser, project)
    champion = figures(browser)["Champion"]
    other = "v1" if champion != "v1" else "v2"
    script = "const s = document.getElementById('version'); s.value = arguments[0]; return s.value"
    assert browser.run(script, other[1:]) == other[1:]
    browser.find("#reason").send_keys("to see it done")
    browser.find("#do-rollback button").click()
    browser.until(lambda: f"version {other[1:]} is the champion now" in told(), "the roll-back")
    browser.until(lambda: figures(browser)["Champion"] == other, "the other champion")
    output, _ = project.start("journal", "--json").communicate(timeout=60)
    journal = json.loads(output)["journal"]
    assert (journal[-1]["to_version"], journal[-1]["why"]) == (int(other[1:]), "to see it done")


def settings_are_read_again(browser: Browser, project: Project) -> None:
    """A file that does not load changes nothing; one that does is in force, and both are told."""
    file = project.directory / "millstream.toml"
    text, note = file.read_text(), lambda: browser.text("#reload-note")
    for seconds, told in ((-1, "all stays as it was: "), (29, "trigger.seconds 30 → 29.")):
        file.write_text(text.replace("seconds = 30", f"seconds = {seconds}"))
        browser.find("#do-reload").click()
        browser.until(lambda told=told: told in note(), "what came of it")
        browser.until(lambda: "asked to read" in browser.text("#told"), "the answer")
    browser.until(lambda: "trigger.seconds 30 → 29." in browser.text("#settings"), "the settings")
