"""What the pipelines of one file share while a command runs: a local Kafka and MLflow, a page."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from millstream.cli.page import page_beside
from millstream.cli.terminal import console
from millstream.local import Addresses, announced, find_addresses
from millstream.page.server import find_page, shown_elsewhere
from millstream.pipelines.pipelines import Pipelines
from millstream.pipelines.stack import share_stack, stack_folder
from millstream.stack.kafka import EmbeddedKafka
from millstream.stack.mlflow import prepare_store

__all__ = ["SharedStack", "one_kafka", "one_page", "share"]


@dataclass(frozen=True)
class SharedStack:
    """What of a local stack the pipelines of a file use in common.

    Attributes:
        folder: where it lies, absolute.
        topics: of its Kafka; none where each pipeline has another one.
        has_mlflow: whether one of them uses its MLflow.
    """

    folder: Path
    topics: tuple[str, ...]
    has_mlflow: bool


def share(top: Pipelines) -> SharedStack:
    """Let the pipelines share a stack, where none is configured; says who keeps a stack of its own.

    Raises:
        ConfigError: a state folder cannot be made.
        RoundStoreError: it is not known where the stack of one of them is.
    """
    topics: list[str] = []
    has_mlflow = False
    for config in (member.config for member in top.members):
        local_kafka = config.kafka.bootstrap_servers is None
        local_mlflow = config.registry.tracking_uri is None
        if not (local_kafka or local_mlflow):
            continue
        if not share_stack(config.state_dir, top.state_dir):
            folder = stack_folder(config.state_dir)
            console.print(f"{config.registry.name} keeps its own stack in {folder}", markup=False)
            continue
        topics += config.kafka.topics if local_kafka else ()
        has_mlflow = has_mlflow or local_mlflow
    return SharedStack(top.state_dir, tuple(dict.fromkeys(topics)), has_mlflow)


@contextmanager
def one_kafka(stack: SharedStack) -> Iterator[None]:
    """Keep the shared Kafka while the body runs, if it is used and no `up --all` keeps it."""
    if stack.has_mlflow:
        prepare_store(stack.folder)
    if not stack.topics or find_addresses(stack.folder) is not None:
        yield
        return
    console.print("starting Kafka (the first time downloads about 50 MB) ...")
    with EmbeddedKafka(stack.folder / "kafka") as broker:
        addresses = Addresses(os.getpid(), broker.bootstrap_servers, "")
        with announced(stack.folder, addresses):
            yield


@contextmanager
def one_page(top: Pipelines, file: Path) -> Iterator[None]:
    """Serve the page of all while the body runs; the pipelines, told where it is, serve none."""
    with page_beside(top, file):
        url = find_page(top.state_dir)
        if url is None:
            yield
            return
        with shown_elsewhere([member.config.state_dir for member in top.members], url):
            yield
