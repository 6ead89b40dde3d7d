"""Who may ask the page for what: foreign hosts and origins, tokens, and what answers forbid."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from millstream.errors import ConfigError
from millstream.page.files import STATIC
from millstream.page.guard import is_known
from millstream.page.token import FILE, find_token
from millstream.pause import is_paused
from millstream.request import RELOAD, Requests

from . import state
from .server import TOKEN, Page, served

EVERYWHERE = ["/", "/page.js", "/api/state", "/api/rounds", "/events", "/nothing"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("state")
    state.status(folder, pending=3)
    return folder


@pytest.fixture(scope="module")
def page(folder: Path) -> Iterator[Page]:
    with served([folder], hosts=["Trainer.example"]) as page:
        yield page


@pytest.mark.parametrize(
    ("host", "known"),
    [
        ("localhost:8765", True),
        ("LOCALHOST", True),
        ("127.0.0.1:1", True),
        ("[::1]:8765", True),
        ("10.1.2.3", True),
        ("trainer.example:80", True),
        ("evil.example", False),
        ("localhost.evil.example:8765", False),
        ("127.0.0.1.evil.example", False),
        ("", False),
        ("[::1", False),
        ("evil.example@localhost", False),
        ("localhost:80\n", False),
    ],
)
def test_names_that_an_attacker_could_point_here_are_not_known(host: str, known: bool) -> None:
    assert is_known(host, {"trainer.example"}) == known


@pytest.mark.parametrize("path", EVERYWHERE)
def test_nothing_is_answered_under_a_foreign_name_or_to_a_foreign_page(
    page: Page, path: str
) -> None:
    for headers in (
        {"Host": "evil.example"},
        {"Host": f"evil.example:{page.port}"},
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://["},
        {"Origin": f"http://127.0.0.1:{page.port + 1}"},
    ):
        answer = page.ask(path, **headers)
        assert answer.status == 403, (path, headers)
        assert b"{" not in answer.body


def test_a_name_of_the_configuration_is_known(page: Page) -> None:
    assert page.ask("/api/state", Host="trainer.example").status == 200


@pytest.mark.parametrize("path", [path for path in EVERYWHERE if path != "/events"])
def test_every_answer_forbids_what_the_page_does_not_need(page: Page, path: str) -> None:
    headers = page.ask(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "no-referrer"
    assert "access-control-allow-origin" not in headers
    assert headers["cache-control"] in {"no-cache", "no-store"}


def test_the_page_has_nothing_inline_and_nothing_from_elsewhere() -> None:
    for path in STATIC.glob("*.*"):
        text = path.read_text()
        assert "innerHTML" not in text, path
        assert "://" not in text.replace("http://www.w3.org/2000/svg", ""), path
        if path.suffix == ".html":
            assert "style=" not in text
            assert " on" not in {part[:3] for part in text.split('"')}
            assert all("src=" in part.split(">")[0] for part in text.split("<script")[1:])


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Authorization": ""}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": f"Bearer {TOKEN}x"}, 401),
        ({"Authorization": f"Basic {TOKEN}"}, 401),
        ({"Authorization": "Bearer \u00e9"}, 401),
        ({"Content_Type": "text/plain"}, 415),
        ({"Content_Type": "application/x-www-form-urlencoded"}, 415),
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
    ],
)
def test_an_action_is_refused_without_its_token_or_from_elsewhere(
    page: Page, folder: Path, headers: dict[str, str], status: int
) -> None:
    for name in ("trigger", "pause", "resume", "rollback", "check"):
        assert page.act(name, {"version": 1}, **headers).status == status
    assert not is_paused(folder)
    assert not Requests(folder).is_open()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"[]", 400),
        (b"{", 400),
        (b'{"pipeline": -1}', 400),
        (b'{"pipeline": 1}', 404),
        (b'{"version": "1"}', 400),
        (b'{"more": 1}', 400),
        (rb'{"version": 1, "reason": "\u0000"}', 400),
        (b" " * 20_000, 413),
    ],
)
def test_a_body_that_is_none_is_refused(page: Page, body: bytes, status: int) -> None:
    answer = page.act("trigger", body)
    assert answer.status == status
    assert answer.value["error"]


def test_an_action_needs_post(page: Page, folder: Path) -> None:
    for name in ("pause", "trigger"):
        told = page.ask(f"/api/actions/{name}", Authorization=f"Bearer {TOKEN}")
        assert told.status in {404, 405}
    assert page.act("nothing").status in {404, 405}
    assert not is_paused(folder)
    assert not Requests(folder).is_open()


def test_with_the_token_it_is_done(page: Page, folder: Path) -> None:
    assert page.act("check").value == {"told": "the token is right"}
    assert "begins now" in page.act("trigger").value["told"]
    assert Requests(folder).is_open()
    assert page.act("pause").status == 200
    assert is_paused(folder)
    assert page.act("resume").status == 200
    assert not is_paused(folder)
    assert "read the settings again" in page.act("reload").value["told"]
    assert Requests(folder, RELOAD).is_open()
    assert page.act("rollback", {}).status == 400
    refused = page.act("rollback", {"version": 1})
    assert (refused.status, "configuration" in refused.value["error"]) == (409, True)


def test_a_page_without_a_token_only_reads(tmp_path: Path) -> None:
    with served([tmp_path], token=None) as page:
        assert page.act("pause").status == 403
        told = page.ask("/api/state").value
        assert (told["can_act"], told["token_file"]) == (False, "")
        nobody = page.ask("/api/rounds?pipeline=1").status, page.ask("/api/rounds/7").status
        assert nobody == (404, 404)
        assert page.ask("/api/rounds?before=x").status == 400


def test_where_no_service_runs_nothing_is_asked_of_it(tmp_path: Path) -> None:
    state.status(tmp_path, phase="stopped")
    with served([tmp_path]) as page:
        for action in ("trigger", "reload"):
            answer = page.act(action)
            assert (answer.status, "no service" in answer.value["error"]) == (409, True)
    assert not Requests(tmp_path).is_open()
    assert not Requests(tmp_path, RELOAD).is_open()


def test_the_token_is_for_its_owner_alone_and_stays(tmp_path: Path) -> None:
    token = find_token(tmp_path / "state")
    path = tmp_path / "state" / FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(token) >= 43
    assert find_token(tmp_path / "state") == token
    path.chmod(0o644)  # others may have read it
    other = find_token(tmp_path / "state")
    assert other != token
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    path.write_text("")
    assert find_token(tmp_path / "state") not in {token, other, ""}


def test_a_token_is_not_read_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text("guessed\n")
    (tmp_path / "elsewhere").chmod(0o600)
    (tmp_path / FILE).symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigError, match=FILE):
        find_token(tmp_path)
