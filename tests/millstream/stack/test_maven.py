"""The broker's jars: from a cache that is whole or absent, or from KAFKA_HOME."""

from __future__ import annotations

import shutil
import signal
import socket
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from millstream.errors import StackError
from millstream.stack.jars import Jar, format_lock, kafka_version, parse_lock, read_lock
from millstream.stack.kafka import EmbeddedKafka
from millstream.stack.maven import kafka_libraries

FETCH = "from millstream.stack.maven import kafka_libraries; print(kafka_libraries())"


class Repository:
    """A Maven repository on 127.0.0.1: counts what is asked for, and can hold an answer back."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.asked: list[str] = []
        self.held = ""
        self.holding = threading.Event()
        self.release = threading.Event()
        repository = self

        class Handler(SimpleHTTPRequestHandler):
            def do_GET(self) -> None:
                name = self.path.rsplit("/", 1)[-1]
                if name.endswith(".jar"):
                    repository.asked.append(name)
                if name == repository.held:
                    repository.holding.set()
                    repository.release.wait(60)
                super().do_GET()

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), partial(Handler, directory=root))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.release.set()
        self._server.shutdown()
        self._server.server_close()


@pytest.fixture(scope="session")
def libraries() -> Path:
    """The real jars."""
    return kafka_libraries()


@pytest.fixture
def repository(tmp_path: Path, libraries: Path) -> Iterator[Repository]:
    root = tmp_path / "repository"
    for jar in read_lock():
        folder = root / jar.group.replace(".", "/") / jar.artifact / jar.version
        folder.mkdir(parents=True)
        (folder / jar.file_name).symlink_to(libraries / jar.file_name)
    served = Repository(root)
    yield served
    served.close()


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("KAFKA_HOME", raising=False)
    monkeypatch.setenv("MILLSTREAM_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def names() -> list[str]:
    return sorted(jar.file_name for jar in read_lock())


def test_an_unreachable_repository_names_the_ways_out(empty_cache, monkeypatch):
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    monkeypatch.setenv("MILLSTREAM_MAVEN", f"http://127.0.0.1:{port}")
    with pytest.raises(StackError) as error:
        kafka_libraries()
    assert "KAFKA_HOME" in str(error.value)
    assert "kafka.bootstrap_servers" in str(error.value)
    assert error.value.__cause__ is not None
    assert not (empty_cache / f"kafka-{kafka_version(read_lock())}").exists()


def test_an_empty_cache_is_filled_once(empty_cache, repository, monkeypatch):
    monkeypatch.setenv("MILLSTREAM_MAVEN", repository.url)
    folder = kafka_libraries()
    assert sorted(path.name for path in folder.iterdir()) == names()
    assert kafka_libraries() == folder
    assert sorted(repository.asked) == names()


def test_two_processes_at_once_download_once(empty_cache, repository, monkeypatch, spawn):
    monkeypatch.setenv("MILLSTREAM_MAVEN", repository.url)
    both = [spawn(FETCH), spawn(FETCH)]
    assert {process.communicate(timeout=60)[0] for process in both} == {
        f"{empty_cache}/kafka-{kafka_version(read_lock())}\n"
    }
    assert sorted(repository.asked) == names()


def test_a_kill_in_the_middle_leaves_nothing_broken(empty_cache, repository, monkeypatch, spawn):
    monkeypatch.setenv("MILLSTREAM_MAVEN", repository.url)
    repository.held = names()[-1]
    process = spawn(FETCH)
    assert repository.holding.wait(60)
    process.send_signal(signal.SIGKILL)
    process.wait()
    final = empty_cache / f"kafka-{kafka_version(read_lock())}"
    assert not final.exists()
    repository.held = ""
    repository.release.set()
    assert sorted(path.name for path in kafka_libraries().iterdir()) == names()
    assert sorted(path.name for path in empty_cache.iterdir()) == [final.name, f"{final.name}.lock"]


def test_a_jar_with_other_content_is_refused(empty_cache, repository, monkeypatch):
    monkeypatch.setenv("MILLSTREAM_MAVEN", repository.url)
    victim = next(repository.root.rglob("kafka_2.13-*.jar"))
    content = bytearray(victim.read_bytes())
    content[1000] ^= 1
    victim.unlink()
    victim.write_bytes(content)
    with pytest.raises(StackError, match=rf"{victim.name}: expected SHA-256"):
        kafka_libraries()


def test_a_cut_jar_in_the_cache_is_replaced(empty_cache, libraries, repository, monkeypatch):
    monkeypatch.setenv("MILLSTREAM_MAVEN", repository.url)
    folder = empty_cache / libraries.name
    shutil.copytree(libraries, folder)
    with (folder / names()[0]).open("r+b") as file:
        file.truncate(10)
    assert sorted(path.name for path in kafka_libraries().iterdir()) == names()
    assert (folder / names()[0]).stat().st_size > 10


def test_kafka_home_is_honoured(tmp_path, libraries, empty_cache, monkeypatch):
    home = tmp_path / "kafka-home"
    (home / "libs").mkdir(parents=True)
    for path in libraries.iterdir():
        (home / "libs" / path.name).symlink_to(path)
    monkeypatch.setenv("KAFKA_HOME", str(home))
    with EmbeddedKafka(tmp_path / "data") as broker:
        broker.create_topic("at-home")
    assert not empty_cache.exists()


@pytest.mark.parametrize("found", [None, "kafka_2.13-3.9.1.jar"])
def test_kafka_home_must_be_a_kafka_4(tmp_path, monkeypatch, found):
    (tmp_path / "libs").mkdir()
    if found:
        (tmp_path / "libs" / found).touch()
    monkeypatch.setenv("KAFKA_HOME", str(tmp_path))
    with pytest.raises(StackError, match=rf"KAFKA_HOME.*got {found or 'no kafka_2'}"):
        kafka_libraries()


def test_a_cache_that_cannot_be_written_is_named(tmp_path, monkeypatch):
    monkeypatch.delenv("KAFKA_HOME", raising=False)
    (tmp_path / "file").touch()
    monkeypatch.setenv("MILLSTREAM_CACHE", str(tmp_path / "file"))
    with pytest.raises(StackError, match="MILLSTREAM_CACHE"):
        kafka_libraries()


def test_the_lock_reads_as_it_was_written():
    jars = (Jar("org.b", "b", "2.0", 7, "f" * 64), Jar("org.a", "a", "1.0", 5, "0" * 64))
    assert parse_lock(format_lock(jars)) == tuple(sorted(jars, key=lambda jar: jar.group))
    assert kafka_version(read_lock()).startswith("4.")
