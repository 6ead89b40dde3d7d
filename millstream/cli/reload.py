"""`millstream reload`: the running service reads its settings again."""

from __future__ import annotations

from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console
from millstream.cli.trigger import check_running
from millstream.config.config import load_config
from millstream.request import RELOAD, ask

__all__ = ["reload"]


def reload(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Ask the running service to read its settings again, as SIGHUP does."""
    settings = load_config(config)
    check_running(settings.state_dir, "read its settings again")
    ask(settings.state_dir, RELOAD)
    console.print(
        "asked to read the settings again: before the next round; `millstream status` and the log"
        " say what came of it",
        markup=False,
    )
