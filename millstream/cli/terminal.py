"""The terminal: where output goes, and our own log."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, redirect_stderr
from typing import TYPE_CHECKING, Literal

import typer
from rich.console import Console

from millstream.watch.logs import JsonFormatter, LinesToLog

if TYPE_CHECKING:
    from millstream.config.config import Config

__all__ = ["console", "is_told", "logging_of_service", "logging_to_terminal"]

LogFormat = Literal["human", "json"]
_told: list[BaseException] = []

console = Console(highlight=False)
if not console.is_terminal and "COLUMNS" not in os.environ:
    console.width = 160  # a pipe or a file has no width of its own


@contextmanager
def logging_to_terminal(
    level: str, form: LogFormat = "human", round_of: Callable[[], int] = lambda: 0
) -> Iterator[None]:
    """Show our own log, from a level on: above the live view, or as plain lines elsewhere.

    As JSON, warnings of the libraries, whatever Python writes to standard error, and the error that
    ends the body are lines of it, too; what was told so is not to be told again (`is_told`). To be
    entered where `sys.stderr` is what it will be while the body runs.

    Args:
        level: name of the level.
        form: of the lines.
        round_of: tells the number of the round in progress, for JSON.
    """
    logger = logging.getLogger("millstream")
    before = logger.level, logger.propagate
    logger.setLevel(level.upper())
    logger.propagate = False
    handler = make_handler(form, round_of)
    loggers = [logger, logging.getLogger()] if form == "json" else [logger]
    for each in loggers:
        each.addHandler(handler)
    logging.captureWarnings(form == "json")
    taking = redirect_stderr(LinesToLog(handler)) if form == "json" else nullcontext()
    try:
        with taking:
            yield
    except Exception as error:
        if form == "json":
            tell(logger, error)
        raise
    finally:
        logging.captureWarnings(False)
        for each in loggers:
            each.removeHandler(handler)
        logger.setLevel(before[0])
        logger.propagate = before[1]


def logging_of_service(
    config: Config, round_of: Callable[[], int] = lambda: 0
) -> AbstractContextManager[None]:
    """Show the log as `[service]` says, with the round that a board tells of."""
    return logging_to_terminal(config.service.log_level, config.service.log_format, round_of)


def make_handler(form: LogFormat, round_of: Callable[[], int]) -> logging.Handler:
    """The handler of the log on this terminal, pipe or file."""
    if form == "human" and console.is_terminal:
        from rich.logging import RichHandler

        return RichHandler(console=console, show_path=False)
    handler = logging.StreamHandler(sys.stderr)
    human = logging.Formatter("%(asctime)s %(levelname)s %(message)s")
    handler.setFormatter(JsonFormatter(round_of) if form == "json" else human)
    return handler


def tell(logger: logging.Logger, error: Exception) -> None:
    """Log what ends the command: in one line if it is meant for people, else with its traceback."""
    from millstream.cli.app import exit_code

    if isinstance(error, typer.Exit):
        return
    is_ours = exit_code(error) is None
    logger.error(str(error) or type(error).__name__, exc_info=error if is_ours else None)
    _told.append(error)


def is_told(error: BaseException) -> bool:
    """Whether an error is in the log already."""
    return any(error is each for each in _told)
