"""Starts worker processes that find each other by TF_CONFIG, and collects what they found."""

import json
import os
import socket
from pathlib import Path
from typing import Any

from tests.millstream.preloaded import Started

HERE = Path(__file__).parent
PATIENCE_S = 280


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


def start_workers(size: int, folder: Path, *arguments: str, **more: str) -> list[Started]:
    """Start `size` processes of elastic_worker.py; a single one gets no TF_CONFIG."""
    addresses = [f"127.0.0.1:{port}" for port in free_ports(size)]
    started = []
    for rank in range(size):
        environment = {**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3"}
        environment.pop("TF_CONFIG", None)
        task = {"type": "worker", "index": rank}
        if size > 1:
            cluster = {"worker": addresses}
            environment["TF_CONFIG"] = json.dumps({"cluster": cluster, "task": task})
        whole = {**environment, **more}
        started.append(Started([str(folder), *arguments], HERE, whole, HERE / "elastic_worker.py"))
    return started


def run_workers(
    size: int, folder: Path, *cases: str, falls: bool = False, **more: str
) -> list[dict[str, Any]]:
    """Run the cases on `size` workers and return what each worker found, by case.

    Args:
        size: Number of processes.
        folder: Of their files.
        cases: See elastic_worker.py.
        falls: Whether the last worker is killed or stopped in the last case.
        more: Environment variables.
    """
    processes = start_workers(size, folder, *cases, **more)
    try:
        for process in processes[: size - falls]:
            code = process.wait(PATIENCE_S)
            assert code == 0, process.communicate(0)[0][-4000:]
    finally:
        for process in processes:
            process.kill()
            process.wait()
    found = [folder / f"found.{size}.{rank}.json" for rank in range(size)]
    return [json.loads(path.read_text()) for path in found]
