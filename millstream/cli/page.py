"""`millstream page`, and `millstream pause` and `resume`."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console

if TYPE_CHECKING:
    from millstream.page.server import Paged

__all__ = ["page", "page_beside", "pause", "resume"]


@contextmanager
def page_beside(config: Paged, config_file: Path) -> Iterator[None]:
    """Serve the page while the body runs, and say where; nothing where it is not enabled."""
    from millstream.page.server import serving_page

    with serving_page(config, [config_file]) as line:
        if line:
            console.print(line, markup=False)
        yield


def page(
    config: Annotated[
        list[Path] | None,
        typer.Option("--config", "-c", help="A configuration; several show several pipelines."),
    ] = None,
    host: Annotated[str | None, typer.Option(help="Instead of page.host.")] = None,
    port: Annotated[
        int | None, typer.Option(help="Instead of page.port.", min=0, max=65535)
    ] = None,
) -> None:
    """Serve the live page of state folders, also of services that have ended, until Ctrl-C."""
    from millstream.cli.signals import stop_on_signals
    from millstream.durable import make_folder
    from millstream.page.listening import address_of, listen
    from millstream.page.serve import serve
    from millstream.page.token import FILE
    from millstream.pipelines.pipelines import page_of

    files = config or [DEFAULT_CONFIG]
    settings, _ = page_of(files)
    make_folder(settings.state_dir)
    wanted = settings.page.port if port is None else port
    with stop_on_signals(), listen(host or settings.page.host, wanted) as listener:
        taken = wanted not in (0, listener.getsockname()[1])
        note = f" (port {wanted} is taken)" if taken else ""
        console.print(f"page    {address_of(listener)}{note}", markup=False)
        console.print(f"token   in {settings.state_dir / FILE}, for actions", markup=False)
        serve(listener, files)


def pause(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let no round begin until `millstream resume`, also through restarts; records are read on."""
    from millstream import pause as paused
    from millstream.config.config import load_config

    paused.pause(load_config(config).state_dir)
    console.print("paused: no round begins until `millstream resume`", markup=False)


def resume(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Let rounds begin again."""
    from millstream import pause as paused
    from millstream.config.config import load_config

    state_dir = load_config(config).state_dir
    was_paused = paused.is_paused(state_dir)
    paused.resume(state_dir)
    console.print("resumed" if was_paused else "it was not paused", markup=False)
