"""Several pipelines in one file: which configurations there are, and that none is in another's way.

Each is a whole configuration of its own, with its own state folder; nothing is inherited. The file
says besides where the page of all is served, and where the local Kafka and MLflow lie that they
share where none is configured.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any

from pydantic import Field, ValidationError

from millstream.config.config import Config, load_config
from millstream.config.page import PageConfig
from millstream.config.section import Section
from millstream.config.text import expand, explain, read_toml
from millstream.errors import ConfigError
from millstream.pipelines.apart import faults_between

__all__ = ["Member", "Pipelines", "is_pipelines_file", "load_pipelines", "page_of"]


class Entry(Section):
    """One of `[[pipelines]]`."""

    config: Annotated[str, Field(min_length=1)]


class PipelinesFile(Section):
    """What the file may hold."""

    pipelines: Annotated[list[Entry], Field(min_length=1)]
    page: PageConfig = PageConfig()
    state_dir: Annotated[str, Field(min_length=1)] = ".millstream"


@dataclass(frozen=True)
class Member:
    """One pipeline.

    Attributes:
        name: what it is called in the terminal: its model's name, or the file's as it was given
            where two registries have models of one name.
        file: its configuration file, absolute.
        config: what that says.
    """

    name: str
    file: Path
    config: Config


@dataclass(frozen=True)
class Pipelines:
    """A file of pipelines.

    Attributes:
        members: the pipelines, in the file's order.
        page: where the page of all is served.
        state_dir: the absolute folder of the shared stack, and of the page's token.
    """

    members: tuple[Member, ...]
    page: PageConfig
    state_dir: Path


def load_pipelines(path: Path) -> Pipelines:
    """Read and check a file of pipelines, and the configuration of each.

    Raises:
        ConfigError: the file, or one that it names, is missing or wrong, or two pipelines are in
            each other's way. One line per fault, each with place, expected, got and the mend.
    """
    raw = expand(read(path), source=path.name)
    if "pipelines" not in raw:
        raise ConfigError(
            f'{path.name}: pipelines: expected [[pipelines]], each with config = "...", got none;'
            " what is one pipeline's own file is run without --all"
        )
    entries = raw["pipelines"] if isinstance(raw["pipelines"], list) else []
    if any(isinstance(entry, dict) and "state_dir" in entry for entry in entries):
        raise ConfigError(
            f"{path.name}: state_dir: expected it above the first [[pipelines]], got it below,"
            " where TOML takes it for one of the pipeline's; move it up"
        )
    try:
        told = PipelinesFile.model_validate(raw)
    except ValidationError as error:
        raise ConfigError(explain(error, PipelinesFile, source=path.name)) from error
    folder = path.parent.absolute()
    configs = load_all([entry.config for entry in told.pipelines], folder, path.name)
    state_dir = (folder / told.state_dir).resolve()
    faults = faults_between(list(configs.items()), state_dir)
    if faults:
        raise ConfigError("\n".join(f"{path.name}: {fault}" for fault in faults))
    count = Counter(config.registry.name for config in configs.values())
    members = (
        Member(
            config.registry.name if count[config.registry.name] == 1 else given,
            (folder / given).absolute(),
            config,
        )
        for given, config in configs.items()
    )
    return Pipelines(tuple(members), told.page, state_dir)


def load_all(given: Sequence[str], folder: Path, source: str) -> dict[str, Config]:
    """The configurations by the names that the file gives them.

    Raises:
        ConfigError: one is named twice, is missing, or is wrong; all faults of all of them.
    """
    configs: dict[str, Config] = {}
    faults = []
    for number, name in enumerate(given):
        place = f"pipelines.{number}.config"
        if name in given[:number]:
            faults.append(f'{place}: expected another file, got "{name}" again; name it once')
        elif not (folder / name).is_file():
            faults.append(
                f'{place}: expected a configuration file, got "{name}", and there is no'
                f" {(folder / name).absolute()}; paths start at the folder of {source}"
            )
        else:
            try:
                configs[name] = load_config(folder / name)
            except ConfigError as error:
                faults += [f"{place}: {name}: {line}" for line in str(error).splitlines()]
    if faults:
        raise ConfigError("\n".join(f"{source}: {fault}" for fault in faults))
    return configs


def is_pipelines_file(path: Path) -> bool:
    """Whether a file is one of several pipelines; not if it cannot be read."""
    try:
        return "pipelines" in read(path)
    except ConfigError:
        return False


def page_of(files: Sequence[Path]) -> tuple[Pipelines | Config, list[tuple[Path, Config]]]:
    """Whose `[page]` and token count for a page of these files, and the pipelines that it shows.

    Args:
        files: one of several pipelines, or one of each pipeline, of which the first counts.

    Raises:
        ConfigError: one is missing or wrong.
    """
    if len(files) == 1 and is_pipelines_file(files[0]):
        top = load_pipelines(files[0])
        return top, [(member.file, member.config) for member in top.members]
    shown = [(file.absolute(), load_config(file)) for file in files]
    return shown[0][1], shown


def read(path: Path) -> dict[str, Any]:
    """A file of several pipelines, or of one, as it stands.

    Raises:
        ConfigError: as `read_toml`.
    """
    return read_toml(path, 'expected one with [[pipelines]] and config = "..." for each')
