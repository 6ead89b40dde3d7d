"""How a person names a version: `NAME`, `NAME@alias` or `NAME/3`."""

from __future__ import annotations

import re
from dataclasses import dataclass

from registry.errors import VersionNotFound

__all__ = ["CANDIDATE", "CHAMPION", "NAME_PATTERN", "PREVIOUS", "Reference"]

CHAMPION = "champion"
PREVIOUS = "previous"
CANDIDATE = "candidate"
NAME_PATTERN = re.compile(r"[A-Za-z0-9._ -]+")
PATTERN = re.compile(
    r"(?P<name>[A-Za-z0-9._ -]+)(?:@(?P<alias>[A-Za-z0-9._-]+)|/(?P<version>\d+))?"
)


@dataclass(frozen=True)
class Reference:
    """A registered model and either an alias or a version of it.

    Attributes:
        name: name of the registered model.
        alias: the alias, or None where a version is given.
        version: the version, or None where an alias is given.
    """

    name: str
    alias: str | None = CHAMPION
    version: int | None = None

    @classmethod
    def parse(cls, text: str) -> Reference:
        """Read a reference; a name alone means its champion.

        Raises:
            VersionNotFound: the text is none of the three forms.
        """
        match = PATTERN.fullmatch(text.removeprefix("models:/"))
        if match is None:
            raise VersionNotFound(f"expected NAME, NAME@alias or NAME/version, got {text!r}")
        if match["version"]:
            return cls(match["name"], None, int(match["version"]))
        return cls(match["name"], match["alias"] or CHAMPION)

    def __str__(self) -> str:
        """As a person writes it."""
        return f"{self.name}/{self.version}" if self.alias is None else f"{self.name}@{self.alias}"
