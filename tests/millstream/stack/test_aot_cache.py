"""The file that a broker starts faster from: made once, and never a reason to fail."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from millstream.errors import StackError
from millstream.stack.aot_cache import aot_flags
from millstream.stack.cache import cache_folder, locked
from millstream.stack.java import find_java
from millstream.stack.kafka import EmbeddedKafka, run_once
from millstream.stack.maven import kafka_libraries

Practice = Callable[[Path, str], None]


@pytest.fixture
def java(tmp_path: Path) -> Path:
    """The path of a Java 25, of which nothing is asked but its version."""
    (tmp_path / "java" / "bin").mkdir(parents=True)
    (tmp_path / "java" / "release").write_text('IMPLEMENTOR="A"\nJAVA_VERSION="25.0.2"\n')
    return tmp_path / "java" / "bin" / "java"


@pytest.fixture
def libraries(tmp_path: Path) -> Path:
    """A folder with a jar."""
    folder = tmp_path / "cache" / "kafka"
    folder.mkdir(parents=True)
    (folder / "a.jar").write_bytes(b"a")
    return folder


def practising(*outcomes: bytes | Exception) -> tuple[Practice, list[bytes | Exception]]:
    """A practice that ends in one way after the other, and the ways that are left."""
    left = list(outcomes)

    def practise(folder: Path, flag: str) -> None:
        assert not folder.exists()
        outcome = left.pop(0)
        if isinstance(outcome, Exception):
            raise outcome
        if outcome:
            Path(flag.removeprefix("-XX:AOTCacheOutput=")).write_bytes(outcome)

    return practise, left


def content(flags: list[str]) -> bytes:
    return Path(flags[0].removeprefix("-XX:AOTCache=")).read_bytes()


def test_it_is_made_once_for_each_java_and_set_of_jars(
    java: Path, libraries: Path, tmp_path: Path
) -> None:
    practise, left = practising(b"first", b"second", b"third")
    for _ in range(2):
        assert content(aot_flags(java, libraries, practise)) == b"first"
    (libraries / "b.jar").write_bytes(b"b")
    assert content(aot_flags(java, libraries, practise)) == b"second"
    (tmp_path / "java" / "release").write_text('IMPLEMENTOR="B"\nJAVA_VERSION="26"\n')
    for _ in range(2):
        assert content(aot_flags(java, libraries, practise)) == b"third"
    assert left == []
    kept = sorted(path.suffix for path in (tmp_path / "cache").iterdir())
    assert kept == ["", *[".aot"] * 3, *[".lock"] * 3]


@pytest.mark.parametrize("outcome", [StackError("it does not serve"), b""])
def test_where_none_comes_of_it_nobody_tries_again(
    outcome: bytes | Exception, java: Path, libraries: Path
) -> None:
    practise, left = practising(outcome)
    for _ in range(2):
        assert aot_flags(java, libraries, practise) == []
    assert left == []


def test_who_is_interrupted_tries_again(java: Path, libraries: Path) -> None:
    practise, _ = practising(RuntimeError("as a kill"), b"made")
    with pytest.raises(RuntimeError):
        aot_flags(java, libraries, practise)
    assert content(aot_flags(java, libraries, practise)) == b"made"


def test_what_a_killed_process_left_is_no_cache(java: Path, libraries: Path) -> None:
    practise, _ = practising(b"first", b"again")
    [made] = [Path(aot_flags(java, libraries, practise)[0].partition("=")[2])]
    made.unlink()
    made.with_suffix(".practice").mkdir()
    (made.with_suffix(".practice") / "broker").mkdir()
    (made.with_suffix(".practice") / "made.aot").write_bytes(b"half")
    assert content(aot_flags(java, libraries, practise)) == b"again"


def test_nobody_waits_for_another_who_makes_it(java: Path, libraries: Path) -> None:
    practise, left = practising(b"made")
    made = Path(aot_flags(java, libraries, practise)[0].partition("=")[2])
    made.unlink()
    with locked(made.with_suffix(".lock")):
        assert aot_flags(java, libraries, practise) == []
    assert left == []


@pytest.mark.parametrize("release", ['JAVA_VERSION="24.0.1"', "", None])
def test_other_javas_have_none(
    release: str | None, java: Path, libraries: Path, tmp_path: Path
) -> None:
    file = tmp_path / "java" / "release"
    file.unlink() if release is None else file.write_text(release)
    practise, _ = practising()
    assert aot_flags(java, libraries, practise) == []


def test_a_folder_that_cannot_be_written_has_none(java: Path, libraries: Path) -> None:
    practise, _ = practising(b"made")
    made = Path(aot_flags(java, libraries, practise)[0].partition("=")[2])
    made.unlink()
    made.with_suffix(".lock").unlink()
    made.with_suffix(".lock").mkdir()
    assert aot_flags(java, libraries, practise) == []


def test_a_path_that_java_would_cut_in_two_has_none(java: Path, libraries: Path) -> None:
    practise, _ = practising()
    apart = libraries.rename(libraries.with_name("a:b"))
    assert aot_flags(java, apart, practise) == []


def test_java_starts_from_a_whole_one_and_without_a_damaged_one(tmp_path: Path) -> None:
    program, libraries = find_java(), kafka_libraries()
    while not (flags := aot_flags(program, libraries, run_once)):
        time.sleep(0.2)  # another test's broker practises
    flag, *others = flags
    whole = Path(flag.partition("=")[2])
    assert whole.parent == cache_folder()
    assert set(flags) < set(EmbeddedKafka(tmp_path)._java())

    def start(file: Path, *more: str) -> tuple[int, str]:
        """What comes of a JVM that does nothing."""
        flags = [f"-XX:AOTCache={file}", *others, "-XX:+UseSerialGC", *more]
        command = [program, *flags, "-cp", f"{libraries}/*", "-version"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        return done.returncode, done.stdout

    needed = "-XX:AOTMode=on"  # to fail without it
    assert start(whole, needed) == (0, "")
    content = whole.read_bytes()
    middle = len(content) // 2
    damaged = {
        "cut": content[:middle],
        "other bits": content[:middle] + bytes(64) + content[middle + 64 :],
        "text": b"mine" * 1000,
        "empty": b"",
    }
    for name, found in damaged.items():
        assert found != content
        (tmp_path / "damaged.aot").write_bytes(found)
        assert start(tmp_path / "damaged.aot", needed)[0] != 0, name
        assert start(tmp_path / "damaged.aot") == (0, ""), name
