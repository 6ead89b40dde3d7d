"""All commands, by module."""

from __future__ import annotations

import typer

from millstream.cli import (
    champion,
    compress,
    dead_letters,
    demo,
    doctor,
    follow,
    models,
    page,
    preview,
    reload,
    replay,
    run,
    setup,
    status,
    stream,
    trigger,
    up,
    versions,
)

__all__ = ["register"]


def register(app: typer.Typer) -> None:
    """Add every command to the application, in the order of `--help`."""
    app.command("init")(setup.init)
    app.command("up")(up.up)
    app.command("publish")(stream.publish)
    app.command("run")(run.run)
    app.command("status")(status.status)
    app.command("top")(status.top)
    app.command("page")(page.page)
    app.command("trigger")(trigger.trigger)
    app.command("reload")(reload.reload)
    app.command("pause")(page.pause)
    app.command("resume")(page.resume)
    app.command("versions")(versions.versions)
    app.command("pull")(models.pull)
    app.command("follow")(follow.follow)
    app.command("rollback")(champion.rollback)
    app.command("journal")(champion.journal)
    app.command("prune")(versions.prune)
    app.command("compress")(compress.compress)
    app.command("replay")(replay.replay)
    app.add_typer(dead_letters.app, name="dead-letters")
    app.command("preview")(preview.preview)
    app.command("doctor")(doctor.doctor)
    app.command("demo")(demo.demo)
