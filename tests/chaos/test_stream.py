"""What a trial does for its service when that ends by itself."""

import subprocess
import sys
from types import SimpleNamespace

import pytest

from tests.chaos.stream import Stream


@pytest.fixture
def stream(tmp_path, monkeypatch):
    """One whose service ends at once with the next of its `codes`."""
    (tmp_path / "service.log").touch()
    broker = SimpleNamespace(stop=lambda: None, start=lambda: None)
    made = Stream(SimpleNamespace(directory=tmp_path, environment={}), broker, 2)
    made.codes = []
    popen = subprocess.Popen

    def begin(command, **options):
        process = popen([sys.executable, "-S", "-c", f"raise SystemExit({made.codes.pop(0)})"])
        process.wait()
        return process

    monkeypatch.setattr("tests.chaos.stream.subprocess.Popen", begin)
    monkeypatch.setattr("tests.chaos.stream.time.sleep", lambda seconds: None)
    return made


def test_a_service_that_found_no_broker_at_its_start_is_started_again(stream):
    stream.codes += [4, 4]
    stream.start()
    with pytest.raises(AssertionError, match="ended by itself with 4"):
        _ = stream.pid  # nobody has taken the broker away
    stream.restart_broker()
    with pytest.raises(AssertionError, match="ended by itself with 4"):
        _ = stream.pid  # again, and the broker is there now
    assert stream.starts == 2


def test_a_service_that_has_failed_is_not_started_again(stream):
    stream.codes += [1]
    stream.start()
    stream.restart_broker()
    with pytest.raises(AssertionError, match="ended by itself with 1"):
        _ = stream.pid
    assert stream.starts == 1
