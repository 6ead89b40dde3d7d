import json
import socket
import threading
import time
from contextlib import suppress

import pytest

from ingest.errors import SchemaRegistryError, SettingsError
from ingest.formats.confluent import registry_http
from ingest.formats.confluent.registry import MOST_UNKNOWN, RegistrySettings, SchemaRegistry
from tests.ingest.registry_server import registry_server

LONG = json.dumps("long")


@pytest.fixture
def server():
    with registry_server() as running:
        yield running


@pytest.fixture(autouse=True)
def _short_pauses(monkeypatch):
    monkeypatch.setattr(registry_http, "FIRST_PAUSE_S", 0.001)


def reference_to(version):
    """An answer with a reference to a version of a schema."""
    references = [{"name": "a", "subject": "b", "version": version}]
    return json.dumps({"schema": "1", "references": references}).encode()


def client(server, **options):
    return SchemaRegistry(RegistrySettings(server.url, **options))


def test_a_schema_is_asked_for_once(server):
    number = server.register("t-value", LONG)
    registry = client(server)
    found = [registry.schema(number) for _ in range(3)]
    assert [(one.kind, one.text, one.references) for one in found] == [("AVRO", LONG, ())] * 3
    assert server.asked == [f"/schemas/ids/{number}"]


def test_an_unknown_id_is_none_and_asked_for_again_later(server, monkeypatch):
    registry = client(server)
    assert registry.schema(1) is None
    server.register("t-value", LONG)
    assert registry.schema(1) is None
    assert len(server.asked) == 1
    later = time.monotonic() + 31
    monkeypatch.setattr(time, "monotonic", lambda: later)
    assert registry.schema(1).text == LONG


def test_an_id_that_is_no_javas_int_is_not_asked_for(server):
    assert client(server).schema(2**31) is None
    assert client(server).schema(2**31 - 1) is None
    assert server.asked == ["/schemas/ids/2147483647"]


def test_unknown_ids_are_asked_for_so_many_at_a_time(server, monkeypatch):
    registry = client(server)
    for number in range(1000, 2000):
        assert registry.schema(number) is None
    assert len(server.asked) == MOST_UNKNOWN
    assert "does not know it" in registry.why_unknown(1000)
    assert "does not know it" in registry.why_unknown(2**31)
    assert registry.why_unknown(1999) == (
        f"the registry {server.url} is not asked for it: it does not know {MOST_UNKNOWN} other ids"
        " of the last 30 s"
    )
    later = time.monotonic() + 31
    monkeypatch.setattr(time, "monotonic", lambda: later)
    server.register("t-value", LONG)
    assert registry.schema(1).text == LONG
    assert registry.schema(1999) is None
    assert len(server.asked) == MOST_UNKNOWN + 2


def test_references_come_with_a_schema(server):
    server.register("city", '"city"')
    inner = ({"name": "City", "subject": "city", "version": 1},)
    server.register("user", '"user"', references=inner)
    server.register("a/b c", '"both"', references=inner)
    outer = (
        {"name": "User", "subject": "user", "version": 1},
        {"name": "Both", "subject": "a/b c", "version": 1},
    )
    found = client(server).schema(server.register("event", '"event"', references=outer))
    assert [(name, part.text) for name, part in found.references] == [
        ("User", '"user"'),
        ("Both", '"both"'),
    ]
    assert [part.references[0][1].text for _, part in found.references] == ['"city"'] * 2
    assert sum("/subjects/city/" in asked for asked in server.asked) == 1
    assert any(asked.startswith("/subjects/a%2Fb%20c/versions/1") for asked in server.asked)


def test_a_reference_that_is_not_there_makes_the_schema_unknown(server):
    wrong = ({"name": "City", "subject": "city", "version": 7},)
    assert client(server).schema(server.register("user", '"user"', references=wrong)) is None


def test_references_in_a_ring_are_an_error(server):
    ring = ({"name": "User", "subject": "user", "version": 1},)
    number = server.register("user", '"user"', references=ring)
    with pytest.raises(SchemaRegistryError, match="user version 1 refers to itself"):
        client(server).schema(number)


def test_a_subject_narrows_the_search(server):
    server.register("t-value", LONG)
    client(server, subject=":.context:").schema(1)
    assert server.asked == ["/schemas/ids/1?subject=%3A.context%3A"]


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_may_pass_is_tried_again(server, status):
    server.register("t-value", LONG)
    server.troubles += [(status, b"busy")] * 3
    assert client(server).schema(1).text == LONG
    assert len(server.asked) == 4


@pytest.mark.parametrize(
    ("status", "body", "says"),
    [
        (503, b"busy", "4 tries failed, the last: it answered 503; check that it runs, and url"),
        (401, b"{}", "it answered 401; check auth"),
        (403, b"", "it answered 403; check auth"),
        (404, b"<html>", "it answered 404 to GET /schemas/ids/1, without a schema"),
        (404, b'{"error_code": 404}', "it answered 404 to GET"),
        (302, b"{}", "it answered 302"),
        (400, b"{}", "it answered 400"),
        (200, b"", "without a schema"),
        (200, b"[]", "without a schema"),
        (200, b'{"schema": 7}', "without a schema"),
        (200, b'{"schema": "1", "references": [{"name": "a"}]}', "without a schema"),
        (200, b'{"schema": "1", "references": 7}', "without a schema"),
        (200, reference_to("9" * 5_000), "without a schema"),
        (200, reference_to("-1"), "without a schema"),
        (200, b"[" * 1_000_000, "without a schema"),
        (200, b'{"schema": "' + b"x" * (9 << 20) + b'"}', "more than 8388608 bytes"),
    ],
)
def test_trouble_is_the_registrys_not_the_records(server, status, body, says):
    server.troubles += [(status, body)] * 4
    with pytest.raises(SchemaRegistryError) as caught:
        client(server).schema(1)
    assert str(caught.value).startswith(f"schema registry {server.url}: ")
    assert says in str(caught.value)


def test_trouble_is_not_remembered(server):
    server.register("t-value", LONG)
    server.troubles += [(403, b"")]
    registry = client(server)
    with pytest.raises(SchemaRegistryError):
        registry.schema(1)
    assert registry.schema(1).text == LONG


def test_a_registry_that_is_down(server):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
        registry = SchemaRegistry(RegistrySettings(url, tries=2))
        with pytest.raises(SchemaRegistryError, match=r"2 tries failed.*refused"):
            registry.schema(1)


def test_a_registry_that_does_not_answer(server):
    server.slow_s = 2.0
    with pytest.raises(SchemaRegistryError, match=r"2 tries failed.*(timed out|no whole answer)"):
        client(server, timeout_s=0.05, tries=2).schema(1)


def test_a_registry_that_breaks_off(server):
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def break_off():
            for _ in range(2):
                taken, _ = listening.accept()
                with taken:
                    taken.recv(1 << 16)
                    taken.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n{")

        thread = threading.Thread(target=break_off)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        with pytest.raises(SchemaRegistryError, match="2 tries failed"):
            SchemaRegistry(RegistrySettings(url, tries=2)).schema(1)
        thread.join()


@pytest.mark.parametrize(
    "begins", [b"HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n", b"HTTP/1.1 200 OK\r\nX: "]
)
def test_a_registry_that_drips(begins):
    with socket.create_server(("127.0.0.1", 0)) as listening:
        ended = threading.Event()

        def drip(taken):
            with taken, suppress(ConnectionError):
                taken.sendall(begins)
                while not ended.wait(0.02):
                    taken.sendall(b" ")

        def serve():
            for _ in range(2):
                threading.Thread(target=drip, args=(listening.accept()[0],)).start()

        thread = threading.Thread(target=serve)
        thread.start()
        url = f"http://127.0.0.1:{listening.getsockname()[1]}"
        try:
            registry = SchemaRegistry(RegistrySettings(url, timeout_s=0.2, tries=2))
            with pytest.raises(
                SchemaRegistryError, match=r"2 tries .*no whole answer within 0\.2 s"
            ):
                registry.schema(1)
        finally:
            ended.set()
            thread.join()


def test_basic_authentication_is_sent_and_never_shown(server, tmp_path, monkeypatch):
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login other password wrong\n")
    monkeypatch.setenv("NETRC", str(netrc))
    server.auth = "ada:s3cret:with colon"
    server.register("t-value", LONG)
    assert client(server, auth=server.auth).schema(1).text == LONG
    settings = RegistrySettings(server.url, auth="ada:wr0ng")
    with pytest.raises(SchemaRegistryError, match="check auth") as caught:
        SchemaRegistry(settings).schema(1)
    assert "wr0ng" not in str(caught.value) + repr(settings)


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"url": "registry:8081"}, "expected an address such as https://registry:8081"),
        ({"url": "http://"}, "expected an address"),
        ({"url": "http://a:b"}, "expected an address"),
        ({"url": "ftp://user:s3cret@a"}, "expected an address"),
        ({"url": "http://user:s3cret@a"}, "no user and password in it"),
        ({"auth": "s3cret"}, "expected user:password, got no colon"),
        ({"ca": "nowhere.pem"}, "there is no file nowhere.pem"),
        ({"timeout_s": 0}, "expected a timeout"),
        ({"tries": 0}, "1 to 20 tries"),
    ],
)
def test_settings_that_cannot_be(options, says):
    with pytest.raises(SettingsError) as caught:
        RegistrySettings(**{"url": "http://registry", **options})
    assert says in str(caught.value)
    assert "s3cret" not in str(caught.value)


def test_close_is_harmless_and_not_the_end(server):
    server.register("t-value", LONG)
    registry = client(server)
    registry.close()
    assert registry.schema(1).text == LONG
    registry.close()
    registry.close()


def test_threads_ask_once(server):
    server.register("t-value", LONG)
    server.slow_s = 0.05
    registry = client(server)
    threads = [threading.Thread(target=registry.schema, args=(1,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(server.asked) == 1
