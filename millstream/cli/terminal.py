"""The terminal: where output goes, and our own log."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

__all__ = ["console", "logging_to_terminal"]

console = Console(highlight=False)
if not console.is_terminal and "COLUMNS" not in os.environ:
    console.width = 160  # a pipe or a file has no width of its own


@contextmanager
def logging_to_terminal(level: str) -> Iterator[None]:
    """Show our own log, from a level on: above the live view, or as plain lines elsewhere.

    To be entered where `sys.stderr` is what it will be while the body runs.
    """
    from rich.logging import RichHandler

    handler: logging.Handler
    if console.is_terminal:
        handler = RichHandler(console=console, show_path=False)
    else:
        handler = logging.StreamHandler(sys.stderr)
        handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(message)s"))
    logger = logging.getLogger("millstream")
    logger.setLevel(level.upper())
    logger.propagate = False
    logger.addHandler(handler)
    try:
        yield
    finally:
        logger.removeHandler(handler)
