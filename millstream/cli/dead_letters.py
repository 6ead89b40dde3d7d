"""`millstream dead-letters`: the bad records and their reasons, and their way back after a fix."""

from __future__ import annotations

import heapq
from collections import Counter
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from ingest.kafka.letter import Letter
    from ingest.kafka.republish import Outcome, RepublishRequest

__all__ = ["app", "dead_letters", "republish"]

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)
KindOption = Annotated[str | None, typer.Option(help="Only letters of this kind.")]


@app.callback(invoke_without_command=True)
def dead_letters(
    context: typer.Context,
    kind: KindOption = None,
    topic: Annotated[str | None, typer.Option(help="Only records of this topic.")] = None,
    since: Annotated[
        str | None, typer.Option(help="Only letters since then: 2025-03-01T12:00Z, 30m, 2h, 7d.")
    ] = None,
    limit: Annotated[int, typer.Option(help="The newest so many.", min=1)] = 50,
    summary: Annotated[
        bool | None,
        typer.Option("--summary/--json", help="Counts by topic and kind; or a JSON object a line."),
    ] = None,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """List dead letters: bad records, each with its reason; `republish` sends them back."""
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return
    from millstream.letter_view import LetterFilter, letter_json, letters_table, parse_since
    from millstream.letter_view import summary_table as table_of

    start = None if since is None else parse_since(since, datetime.now(UTC))
    wanted = LetterFilter(kind, topic, start)
    letters = (letter for letter in _letters(config) if wanted.wants(letter))
    if summary:
        console.print(table_of(Counter((letter.topic, letter.kind) for letter in letters)))
        return
    newest = heapq.nlargest(limit, letters, key=lambda letter: (letter.written, letter.place))
    if summary is False:
        for letter in reversed(newest):
            console.out(letter_json(letter))
    else:
        console.print(letters_table(reversed(newest)) if newest else "no dead letters")


def _refuse_options(context: typer.Context) -> None:
    """Options before `republish` have no effect on it; without them it would send back more."""
    from millstream.errors import UsageError

    sources = {name: context.get_parameter_source(name) for name in context.params}
    given = [name for name, source in sources.items() if source and source.name == "COMMANDLINE"]
    if given:
        raise UsageError(
            f"--{given[0]} is for the list; options of {context.invoked_subcommand} come behind it:"
            f" millstream dead-letters {context.invoked_subcommand} --help tells them"
        )


def _letters(config: Path) -> Iterator[Letter]:
    from ingest.kafka.letters_topic import read_letters
    from millstream.config.config import load_config
    from millstream.dead_letters import dead_letter_topics
    from millstream.local import require_broker
    from millstream.pipeline import source_options

    settings = load_config(config)
    options = source_options(settings, require_broker(settings))
    return read_letters(options, dead_letter_topics(settings))


@app.command("republish")
def republish(
    kind: KindOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be.")] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Send dead letters back to the topics that their records came from, each once.

    To be used after a fix of schema or model, when the records are good now: those that are still
    bad become dead letters again. Key, value, partition and timestamp are the record's; the header
    `millstream.republished` tells where it was.
    """
    from ingest.kafka.republish import republish as send_back
    from ingest.kafka.republish import survey

    request = _request(config, kind)
    if dry_run or not yes:
        found = survey(request)
        _tell(found, "would be republished" if dry_run else "to be republished")
        count = found.sent.total()
        if dry_run or not count or not typer.confirm(f"republish {count:,} letters?"):
            return
    _tell(send_back(request), "republished")


def _request(config: Path, kind: str | None) -> RepublishRequest:
    from ingest.kafka.republish import RepublishRequest
    from millstream.config.config import load_config
    from millstream.dead_letters import dead_letter_topics
    from millstream.local import require_broker
    from millstream.pipeline import source_options

    settings = load_config(config)
    options = source_options(settings, require_broker(settings))
    letters = tuple(dead_letter_topics(settings))
    return RepublishRequest(options, letters, tuple(sorted(settings.kafka.topics)), kind)


def _tell(outcome: Outcome, done: str) -> None:
    kinds = ", ".join(f"{count:,} {kind}" for kind, count in outcome.sent.most_common())
    console.print(f"{outcome.sent.total():,} {done}{f' ({kinds})' if kinds else ''}", markup=False)
    for reason, count in outcome.refused.most_common():
        console.print(f"{count:,} refused: {reason}", markup=False)
    if outcome.before:
        console.print(f"{outcome.before:,} were republished before")
    if outcome.repeated:
        console.print(f"{outcome.repeated:,} are about a record that another letter is about")
