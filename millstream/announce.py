"""Tell others of a version by a command of theirs, which may fail."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import threading
import time

from registry import LoadedModel
from registry.shelf import Shelf

__all__ = ["Announcer"]

log = logging.getLogger("millstream")

MOST_TRIES = 3
GRACE_S = 10.0
LOOK_S = 0.1


class Announcer:
    """Runs a command once for each version that comes into use, or a few times if it fails.

    That it was done is in the follower's folder, so a follower that starts again does not repeat
    it; one that was killed while the command ran does.

    Args:
        command: for the shell; it should end by itself.
        shelf: the follower's folder.
        timeout_s: seconds after which it is ended, and has failed.
        stop: ends it when set.
    """

    def __init__(self, command: str, shelf: Shelf, timeout_s: float, stop: threading.Event) -> None:
        self._command, self._shelf = command, shelf
        self._timeout_s, self._stop = timeout_s, stop
        self._tries: tuple[tuple[int, str], int] = ((0, ""), 0)

    def tell(self, model: LoadedModel) -> None:
        """Run the command for the version in use, unless that was done.

        After a failure it is run again at the next call, three times in all; then the version is
        given up, and logged as such.

        Raises:
            registry.PullError: the folder cannot be written to.
        """
        version = model.version
        what = (version.version, version.run_id)
        if self._shelf.announced == what or self._stop.is_set():
            return
        tries = self._tries[1] + 1 if self._tries[0] == what else 1
        self._tries = (what, tries)
        why = self._run(model)
        if why and self._stop.is_set():
            return
        if why and tries < MOST_TRIES:
            log.error("version %d: the command %s; it is tried again", version.version, why)
            return
        if why:
            log.error(
                "version %d: the command %s, %d times; given up until the alias moves",
                version.version,
                why,
                tries,
            )
        self._shelf.announce(version)

    def _run(self, model: LoadedModel) -> str:
        """Why the command failed; empty if it did not."""
        version, before = model.version, self._shelf.previous()
        folder = self._shelf.place(version.version)
        environment = {
            **os.environ,
            "MILLSTREAM_NAME": version.name,
            "MILLSTREAM_VERSION": str(version.version),
            "MILLSTREAM_MODEL": str(folder),
            "MILLSTREAM_CURRENT": str(self._shelf.folder / "current"),
            "MILLSTREAM_PREVIOUS": "" if before is None else str(before),
        }
        try:
            process = subprocess.Popen(
                ["/bin/sh", "-c", self._command], env=environment, start_new_session=True
            )
        except OSError as error:
            return f"cannot be run: {error}"
        deadline = time.monotonic() + self._timeout_s
        while not self._stop.is_set() and time.monotonic() < deadline:
            try:
                code = process.wait(LOOK_S)
                return f"ended with {code}" if code else ""
            except subprocess.TimeoutExpired:
                continue
        end(process)
        return f"took longer than {self._timeout_s:g} s"


def end(process: subprocess.Popen[bytes]) -> None:
    """End a command and what it has started: first kindly."""
    for number in (signal.SIGTERM, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(GRACE_S)
            return
        except ProcessLookupError:
            process.wait()
            return
        except subprocess.TimeoutExpired:
            continue
