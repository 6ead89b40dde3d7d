"""`millstream init` and `millstream up`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.signals import stop_on_signals
from millstream.cli.terminal import console

__all__ = ["init", "up"]


def init(
    directory: Annotated[Path, typer.Argument(help="A new or empty folder.")],
) -> None:
    """Write a millstream.toml, a model.py and some events that run as they are."""
    from millstream.template import write_template

    for path in write_template(directory):
        console.print(f"wrote {path}")
    console.print(
        f"\nNext:\n  cd {directory}\n  millstream up                  # keep it running\n"
        "and in another terminal:\n"
        f"  cd {directory}\n  millstream publish events.jsonl --topic events\n"
        "  millstream run --stop-when-idle 5",
        markup=False,
    )


def up(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Keep an embedded Kafka and the MLflow page running, until Ctrl-C."""
    import os
    from contextlib import ExitStack

    from ingest.redaction import public_uri
    from millstream.cli.page import page_beside
    from millstream.config import load_config
    from millstream.errors import StackError
    from millstream.local import Addresses, announced, ensure_topics, open_registry
    from millstream.pipelines_stack import stack_folder
    from millstream.stack.kafka import EmbeddedKafka
    from millstream.stack.mlflow import MlflowServer

    settings = load_config(config)
    folder = stack_folder(settings.state_dir)
    kept: dict[str, EmbeddedKafka | MlflowServer] = {}
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        servers = settings.kafka.bootstrap_servers
        if servers is None:
            console.print("starting Kafka (the first time downloads about 50 MB) ...")
            broker = stack.enter_context(EmbeddedKafka(folder / "kafka"))
            kept["Kafka"] = broker
            servers = broker.bootstrap_servers
            ensure_topics({"bootstrap_servers": servers}, settings.kafka.topics)
        url = settings.registry.tracking_uri
        if url is None:
            console.print("starting MLflow ...")
            artifacts = folder / "mlartifacts"
            mlflow = stack.enter_context(MlflowServer(open_registry(settings), artifacts))
            kept["MLflow"], url = mlflow, mlflow.url
        url = public_uri(url)
        stack.enter_context(announced(folder, Addresses(os.getpid(), servers, url)))
        console.print(f"Kafka   {servers}\nMLflow  {url}", markup=False)
        stack.enter_context(page_beside(settings, config))
        console.print("Ctrl-C ends them.")
        while not stop.wait(1.0):
            for name, server in kept.items():
                if not server.running:
                    raise StackError(f"{name} has ended; see {server.log_file}, then start again")
