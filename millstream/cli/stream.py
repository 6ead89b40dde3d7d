"""`millstream publish`: a file's rows into a topic."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console

__all__ = ["publish"]


def publish(
    file: Annotated[Path, typer.Argument(help="A .csv, .jsonl or .parquet file.")],
    topic: Annotated[str, typer.Option(help="The topic to send to.")],
    rate: Annotated[float | None, typer.Option(help="Rows per second at most.", min=0.001)] = None,
    partitions: Annotated[int, typer.Option(help="Of the topic, if it is new.", min=1)] = 4,
    bootstrap_servers: Annotated[
        str | None, typer.Option(help="A broker, instead of the configuration's.")
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Send the rows of a file to a topic as JSON, in order, in turn over the partitions."""
    from millstream.config.config import load_config
    from millstream.local import ensure_topics, require_broker
    from millstream.pipeline import source_options
    from millstream.publish_file import check_file, check_takes_json, read_rows, send_rows

    check_file(file)
    if bootstrap_servers is None:
        settings = load_config(config)
        check_takes_json(settings, topic)
        options = source_options(settings, require_broker(settings))
    else:
        options = {"bootstrap_servers": bootstrap_servers}
    ensure_topics(options, [topic], partitions)
    with console.status(f"sending to {topic} ...") as live:
        sent = send_rows(
            read_rows(file),
            topic,
            options,
            rate=rate,
            on_progress=lambda count: live.update(f"sending to {topic} ... {count:,}"),
        )
    console.print(f"sent {sent:,} records to topic {topic}")
