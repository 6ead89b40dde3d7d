"""`millstream up`: a local Kafka, MLflow and the page, of one pipeline or of all of a file."""

from __future__ import annotations

import os
from contextlib import AbstractContextManager, ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.signals import stop_on_signals
from millstream.cli.terminal import console

if TYPE_CHECKING:
    from millstream.cli.shared import SharedStack
    from millstream.stack.kafka import EmbeddedKafka
    from millstream.stack.mlflow import MlflowServer

__all__ = ["up"]


def up(
    every: Annotated[
        bool, typer.Option("--all", help="For all pipelines of the file, which share them.")
    ] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Keep an embedded Kafka, the MLflow page and the live page running, until Ctrl-C."""
    if every:
        up_for_all(config)
    else:
        up_for_one(config)


def up_for_one(file: Path) -> None:
    """Keep what one pipeline does not configure, and its page.

    Raises:
        ConfigError: the file is wrong.
        StackError: a part of it cannot be started, or has ended.
    """
    from ingest.redaction import public_uri
    from millstream.cli.page import page_beside
    from millstream.cli.shared import SharedStack
    from millstream.config.config import load_config
    from millstream.pipelines.stack import stack_folder

    config = load_config(file)
    servers, url = config.kafka.bootstrap_servers, config.registry.tracking_uri
    needed = SharedStack(
        stack_folder(config.state_dir), config.kafka.topics if servers is None else (), url is None
    )
    keep_up(needed, page_beside(config, file), servers or "", public_uri(url or ""))


def up_for_all(file: Path) -> None:
    """Keep what the pipelines of a file share, and the page of all.

    Raises:
        ConfigError: the file is wrong, or one of its configurations.
        StackError: as for one.
    """
    from millstream.cli.shared import one_page, share
    from millstream.pipelines.pipelines import load_pipelines

    top = load_pipelines(file)
    keep_up(share(top), one_page(top, file))


def keep_up(
    needed: SharedStack, page: AbstractContextManager[None], servers: str = "", url: str = ""
) -> None:
    """Start what is needed and keep it until a signal comes.

    Args:
        needed: of the local stack.
        page: serves the page.
        servers: of the Kafka that is used instead, to be told to other commands.
        url: the same of MLflow, without secrets.

    Raises:
        StackError: a part cannot be started, or has ended.
    """
    from millstream.errors import StackError
    from millstream.local import Addresses, announced, ensure_topics

    kept: dict[str, EmbeddedKafka | MlflowServer] = {}
    with ExitStack() as stack:
        stop = stack.enter_context(stop_on_signals())
        if needed.topics:
            broker = kept["Kafka"] = stack.enter_context(kafka_of(needed))
            servers = broker.bootstrap_servers
            ensure_topics({"bootstrap_servers": servers}, needed.topics)
        if needed.has_mlflow:
            mlflow = kept["MLflow"] = stack.enter_context(mlflow_of(needed))
            url = mlflow.url
        stack.enter_context(announced(needed.folder, Addresses(os.getpid(), servers, url)))
        for name, place in (("Kafka", servers), ("MLflow", url)):
            if place:
                console.print(f"{name:<7} {place}", markup=False)
        stack.enter_context(page)
        console.print("Ctrl-C ends them.")
        while not stop.wait(1.0):
            for name, server in kept.items():
                if not server.running:
                    raise StackError(f"{name} has ended; see {server.log_file}, then start again")


def kafka_of(needed: SharedStack) -> EmbeddedKafka:
    """The Kafka of a local stack, to be started."""
    from millstream.stack.kafka import EmbeddedKafka

    console.print("starting Kafka (the first time downloads about 50 MB) ...")
    return EmbeddedKafka(needed.folder / "kafka")


def mlflow_of(needed: SharedStack) -> MlflowServer:
    """The MLflow of a local stack, to be started."""
    from millstream.durable import make_folder
    from millstream.stack.mlflow import MlflowServer, prepare_store

    console.print("starting MLflow ...")
    make_folder(needed.folder)
    return MlflowServer(prepare_store(needed.folder), needed.folder / "mlartifacts")
