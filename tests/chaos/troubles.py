"""What can happen to a service that is not a kill of all of it, and what must come of it."""

from __future__ import annotations

import errno
import os
import shutil
import struct
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from millstream.durable import read_as
from millstream.watch.board import LiveState
from tests.chaos.trial import WAIT_S, Trial
from tests.chaos.victims import VICTIMS

__all__ = ["TROUBLES", "Impossible", "Lengths"]

DISK_MB = 64
DAY_S = 86_400
JUMPS_S = (DAY_S, -DAY_S, 0)
NEAR_S = 60.0


class Impossible(Exception):  # noqa: N818 - nothing is wrong
    """A trouble cannot be made on this machine; the text says why."""


@dataclass(frozen=True)
class Lengths:
    """How long each trouble lasts, in seconds."""

    mlflow: float
    broker: float
    disk: float


def worker_killed(trial: Trial, lengths: Lengths) -> dict[str, object]:
    """All workers begin again at the last round."""
    assert VICTIMS["worker"](trial.stream)
    return {}


def mlflow_down(trial: Trial, lengths: Lengths) -> dict[str, object]:
    """Rounds go on, and wait."""
    trial.mlflow.stop()
    before = len(trial.store.complete())
    time.sleep(lengths.mlflow)
    assert trial.stream.pid
    waited, published = len(trial.store.complete()) - before, trial.published()
    assert lengths.mlflow < 60 or waited > 1, "no round happened while MLflow was away"
    trial.mlflow.start()
    trial.wait_for_rounds(1)
    return {"rounds_meanwhile": waited, "published_meanwhile": published + 1 - before}


def broker_down(trial: Trial, lengths: Lengths) -> dict[str, object]:
    """The service waits for it."""
    trial.stream.broker.stop()
    time.sleep(lengths.broker)
    trial.stream.broker.start()
    return {"service_ended_with": revive(trial)}


def disk_full(trial: Trial, lengths: Lengths) -> dict[str, object]:
    """The state folder takes no more: rounds that have their marker stay, and others come later."""
    trial.stream.stop()
    with small_disk(trial.project.state_dir):
        trial.stream.start()
        trial.wait_for_rounds(1)
        filler = trial.project.state_dir / "filler"
        before, until = len(trial.store.complete()), time.monotonic() + lengths.disk
        while time.monotonic() < until and trial.stream.code is None:
            fill(filler)
            time.sleep(0.2)
        held = len(trial.store.complete()) - before
        trial.ledger()
        filler.unlink()
        code = revive(trial)
        trial.wait_for_rounds(2)
        trial.stream.stop()
    trial.stream.start()
    return {"service_ended_with": code, "rounds_meanwhile": held}


def clock_jumps(trial: Trial, lengths: Lengths) -> dict[str, object]:
    """The wall clock is ahead, then a day behind, then right again, while the service runs."""
    given = trial.project.directory / "clock"
    given.write_bytes(bytes(8))
    library = built_clock(trial.project.directory)
    trial.stream.stop()
    trial.project.environment.update(LD_PRELOAD=str(library), WALL_CLOCK=str(given))
    trial.stream.start()
    trial.wait_for_rounds(1)
    for jump in JUMPS_S:
        with given.open("r+b") as file:  # in place: it is mapped
            file.write(struct.pack("=q", jump))
        wait_for_clock(trial, jump)
        trial.wait_for_rounds(1)
    code = trial.stream.code
    trial.stream.stop()
    trial.project.environment.clear()
    trial.stream.start()
    return {"jumps_s": list(JUMPS_S), "service_ended_with": code}


def built_clock(folder: Path) -> Path:
    """`wall_clock.c` as a library.

    Debian's libfaketime cannot do it: with the monotonic clock left alone, its `clock_nanosleep`
    refuses each of Python's sleeps (0.9.10), and else that clock jumps, too.
    """
    library = folder / "wall_clock.so"
    compiler = shutil.which("cc")
    if compiler is None:
        raise Impossible("no C compiler is here: Debian's package gcc has one")
    source = Path(__file__).with_name("wall_clock.c")
    subprocess.run([compiler, "-shared", "-fPIC", "-O2", "-o", library, source, "-ldl"], check=True)
    return library


def wait_for_clock(trial: Trial, jump: int) -> None:
    """Wait until the service's clock is so many seconds off.

    One that is starting tells nothing new while it publishes the rounds that wait.
    """
    deadline = time.monotonic() + WAIT_S
    while abs((off := clock_of(trial) - time.time()) - jump) > NEAR_S:
        wrong = f"the clock was to be {jump} s off and is {off:.0f} s off"
        assert time.monotonic() < deadline, wrong
        time.sleep(0.2)


def clock_of(trial: Trial) -> float:
    """The wall clock as the service sees it."""
    state = read_as(trial.project.state_dir / "status.json", LiveState)
    assert state is not None
    return state.updated_ms / 1000


def revive(trial: Trial) -> int | None:
    """Start the service if it has ended, as a person would, or a container's restart policy."""
    code = trial.stream.code
    if code is not None:
        trial.stream.start()
    return code


def fill(file: Path) -> None:
    """Write until the disk takes no more, to the last byte."""
    size = 1 << 20
    with file.open("ab", buffering=0) as open_file:
        while size:
            try:
                open_file.write(bytes(size))
            except OSError as error:
                if error.errno != errno.ENOSPC:
                    raise
                size //= 4


@contextmanager
def small_disk(folder: Path) -> Iterator[None]:
    """A folder on a small disk while the body runs; what is in it moves there and back."""
    if os.geteuid() != 0:
        raise Impossible("only root can mount a tmpfs")
    aside = folder.with_name(f"{folder.name}.aside")
    shutil.copytree(folder, aside)
    size = (sum(f.stat().st_size for f in aside.rglob("*") if f.is_file()) >> 20) + DISK_MB
    command = ["mount", "-t", "tmpfs", "-o", f"size={size}m", "tmpfs", str(folder)]
    mounted = subprocess.run(command, capture_output=True, text=True, check=False)
    if mounted.returncode:
        shutil.rmtree(aside)
        raise Impossible(f"no tmpfs can be mounted: {mounted.stderr.strip()}")
    try:
        shutil.copytree(aside, folder, dirs_exist_ok=True)
        shutil.rmtree(aside)
        yield
        shutil.copytree(folder, aside)
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
    shutil.rmtree(folder)
    aside.rename(folder)


TROUBLES: dict[str, Callable[[Trial, Lengths], dict[str, object]]] = {
    "worker-killed": worker_killed,
    "broker-down": broker_down,
    "mlflow-down": mlflow_down,
    "clock-jumps": clock_jumps,
    "disk-full": disk_full,
}
