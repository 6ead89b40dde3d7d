"""Entry point: the commands, and how an error becomes one line and an exit code."""

from __future__ import annotations

import errno
import logging
import os
import sys

import typer
from rich.console import Console
from rich.markup import escape

from millstream.cli import commands
from millstream.cli.terminal import is_told
from millstream.workers.supervisor import FAILED_ALONE, LOST_PEER

__all__ = ["app", "exit_code", "main"]

EXIT_CODES = (
    "Exit codes: 0 ended as asked (also by SIGINT or SIGTERM) · 1 failed · 2 usage, configuration"
    " or model file · 3 too many bad records · 4 Kafka, the schema registry, MLflow or the embedded"
    " stack out of reach · 5 the state folder is in use · 6 the state folder does not fit · 7 a"
    " replay is not possible or differs · 8 doctor found something to change · 9 another worker was"
    " lost · 10 a step of training failed on this worker"
)

app = typer.Typer(
    name="millstream",
    help="Keeps a TensorFlow model trained on what just happened in Kafka.",
    epilog=EXIT_CODES,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)


def main() -> None:
    """Run the command line; ends the process with the exit code."""
    quiet_libraries()
    commands.register(app)
    try:
        app()
    except Exception as error:
        code = exit_code(error)
        if is_told(error):
            sys.exit(1 if code is None else code)
        if code is None:
            raise
        for line in in_words(error).splitlines():
            Console(stderr=True, highlight=False, soft_wrap=True).print(
                f"[red]error:[/red] {escape(line)}"
            )
        sys.exit(code)


def in_words(error: BaseException) -> str:
    """What a person is told of an error."""
    if not is_disk_full(error):
        return str(error)
    return f"the disk is full ({error}); make room and run it again: the rounds so far are whole"


def is_disk_full(error: BaseException) -> bool:
    """Whether a write failed for want of room: no fault of ours, wherever it happens."""
    return isinstance(error, OSError) and error.errno in (errno.ENOSPC, errno.EDQUOT)


def exit_code(error: BaseException) -> int | None:
    """The exit code for an error that is meant for people; None for a fault of ours."""
    from ingest import AugmentError, BadRatioExceeded, IngestError, SamplerError, SchemaError
    from millstream.errors import MillstreamError
    from registry import RegistryError

    if isinstance(error, MillstreamError):
        return error.exit_code
    if is_disk_full(error):
        return 1
    if isinstance(error, BadRatioExceeded):
        return 3
    if isinstance(error, (AugmentError, SamplerError, SchemaError)):
        return 2
    if isinstance(error, (IngestError, RegistryError)):
        return 4
    return _trainer_exit_code(error)


def _trainer_exit_code(error: BaseException) -> int | None:
    trainer = sys.modules.get("trainer")
    if trainer is None:
        return None
    if isinstance(error, (trainer.CallbackError, trainer.ModelError, trainer.SettingsError)):
        return 2
    if isinstance(error, trainer.CheckpointError):
        return 6
    if isinstance(error, trainer.PeerLost):
        return LOST_PEER
    if isinstance(error, trainer.StepFailed):
        return FAILED_ALONE
    return 1 if isinstance(error, trainer.TrainerError) else None


def quiet_libraries() -> None:
    """Keep start-up chatter of the libraries out of a person's terminal."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ.setdefault("MLFLOW_DISABLE_TELEMETRY", "true")
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    logging.getLogger("kafka").setLevel(logging.CRITICAL)
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
