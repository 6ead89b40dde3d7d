"""Which settings a running service takes over from its file, and which need a restart.

Safe is what decides when a round begins, what is kept, and what is told; and what decides weights
only by a number that the plan of each round has, so that a replay repeats it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from millstream.config.config import Config, load_config
from millstream.config.sample import HistoryConfig
from millstream.config.section import Section
from millstream.config.text import explain
from millstream.config.trigger import TriggerConfig
from millstream.errors import ConfigError

__all__ = ["SAFE", "Reload", "compare", "read_again", "recipe_with"]

RATIOS = frozenset({"most_ratio", "ratio"})
SAFE: Mapping[str, frozenset[str]] = {
    # The plan of a round says how many rows of the past it recalls.
    "history": RATIOS,
    "registry": frozenset({"keep_versions", "max_waiting", "min_rows"}),
    "service": frozenset({"keep_rounds", "log_level"}),
    "trigger": frozenset(TriggerConfig.model_fields),
}
"""The settings that reload, by section; all others need a restart."""


@dataclass(frozen=True)
class Reload:
    """What came of reading the file again.

    Attributes:
        config: the settings in force from now on.
        applied: what has changed of them, from what to what, by "section.key".
        held: what else the file has changed, which needs a restart.
        refused: why nothing was taken over; empty if it was.
    """

    config: Config
    applied: Mapping[str, tuple[Any, Any]]
    held: tuple[str, ...] = ()
    refused: str = ""

    def tell(self) -> list[str]:
        """In words, a line for each setting; no values of those that may hold a secret."""
        if self.refused:
            lines = self.refused.splitlines()
            return [f"the settings are not reloaded, all stay as they are: {lines[0]}", *lines[1:]]
        changed = self.applied.items()
        told = [f"reloaded: {name} {old} -> {new}" for name, (old, new) in changed]
        told += [f"{name}: needs a restart, stays as it was" for name in self.held]
        return told or ["the settings are read again: none has changed"]


def read_again(config: Config) -> tuple[Reload, Config]:
    """What the file of these settings brings now, and all that it says; changes nothing.

    Raises:
        ConfigError: it cannot be read, does not load, or what reloads of it does not fit the
            settings that need a restart.
    """
    if config.file is None:
        raise ConfigError("these settings were not read from a file, so none can be read again")
    found = load_config(config.file)
    return compare(config, found), found


def compare(config: Config, found: Config) -> Reload:
    """What changes when a service with one configuration finds another one.

    Raises:
        ConfigError: what reloads does not fit the settings that need a restart.
    """
    applied: dict[str, tuple[Any, Any]] = {}
    held = []
    for section, key in changes(config, found):
        name = f"{Config.model_fields[section].alias or section}.{key}"
        if key in SAFE.get(section, ()):
            given = (getattr(getattr(each, section), key) for each in (config, found))
            before, after = (plain(value) for value in given)
            applied[name] = before, after
        else:
            held.append(name)
    # It counts whether this one is given, also with its default.
    if config.compare != found.compare and not {"gate.compare", "registry.min_gain"} & {*held}:
        held.append("registry.min_gain")
    return Reload(merged(config, found), applied, tuple(held))


def changes(config: Config, found: Config) -> Iterator[tuple[str, str]]:
    """The settings that differ, by section and key."""
    for name, before, after in sections(config, found):
        for key in type(before).model_fields:
            if getattr(before, key) != getattr(after, key):
                yield name, key


def sections(config: Config, found: Config) -> Iterator[tuple[str, Section, Section]]:
    """Each section by its name in both."""
    for name in Config.model_fields:
        if name != "directory":
            yield name, getattr(config, name), getattr(found, name)


def merged(config: Config, found: Config) -> Config:
    """The configuration with what reloads of another one.

    Raises:
        ConfigError: they do not fit together.
    """
    every = {
        Config.model_fields[name].alias or name: with_safe(before, after, SAFE.get(name))
        for name, before, after in sections(config, found)
    }
    try:
        fits = Config.model_validate({**every, "directory": config.directory})
    except ValidationError as error:
        source = "what reloads does not fit the settings that need a restart"
        raise ConfigError(explain(error, Config, source)) from error
    return fits.of_file(config.file)


def with_safe(before: Section, after: Section, safe: frozenset[str] | None) -> Section:
    """A section with what reloads of another one, as it was given there."""
    if safe is None:
        return before
    values = dict(before) | {key: getattr(after, key) for key in safe}
    given = (before.model_fields_set - safe) | (after.model_fields_set & safe)
    return type(before).model_construct(_fields_set=given, **values)


def plain(value: Any) -> Any:
    """A value as plain data, for people and the journal."""
    return value.model_dump(mode="json") if isinstance(value, Section) else value


def recipe_with(recipe: Mapping[str, Any], history: HistoryConfig) -> dict[str, Any]:
    """A recipe with the ratios of the history, if it has any; all else, files too, as it was."""
    if "history" not in recipe:
        return dict(recipe)
    kept = {key: value for key, value in recipe["history"].items() if key not in RATIOS}
    ratios = history.model_dump(mode="json", include=set(RATIOS), exclude_none=True)
    return {**recipe, "history": kept | ratios}
