"""`millstream init`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from millstream.cli.terminal import console

__all__ = ["init"]


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
