"""docker-compose.yml as Docker reads it: variables filled in, profiles chosen."""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection, Mapping
from pathlib import Path
from typing import Any

import yaml

__all__ = ["ENV_FILES", "ROOT", "SECRETS", "argv", "load", "read_env_file", "services"]

ROOT = Path(__file__).parents[2]
ENV_FILES = {
    "brokers": ROOT / "deploy" / "compose" / "brokers.env",
    "workers": ROOT / "deploy" / "compose" / "workers.env",
}
SECRETS = {
    name: f"{name.lower()}-of-a-test"
    for name in ("POSTGRES_PASSWORD", "STORE_SECRET_KEY", "GRAFANA_PASSWORD")
}
VARIABLE = re.compile(r"\$\$|\$\{([A-Za-z_]\w*)(?:(:-|:\?)([^}]*))?\}")


def load(variables: Mapping[str, str] | None = None) -> dict[str, Any]:
    """The whole file; with variables, each `${NAME}`, `${NAME:-...}` and `${NAME:?...}` filled in.

    Raises:
        KeyError: a variable that must be set is not.
    """
    text = yaml.safe_load((ROOT / "docker-compose.yml").read_text())
    return text if variables is None else _filled(text, variables)


def services(
    variables: Mapping[str, str] | None = None, profiles: Collection[str] = ()
) -> dict[str, dict[str, Any]]:
    """The services that run with these profiles; all without variables and profiles."""
    found = load(variables)["services"]
    if variables is None and not profiles:
        return found
    return {
        name: service
        for name, service in found.items()
        if not service.get("profiles") or set(profiles) & set(service["profiles"])
    }


def argv(value: str | list[str]) -> list[str]:
    """A command as a list."""
    return shlex.split(value) if isinstance(value, str) else list(value)


def read_env_file(path: Path) -> dict[str, str]:
    """NAME=value lines; a value in single quotes is what is between them."""
    lines = [line for line in path.read_text().splitlines() if line and not line.startswith("#")]
    pairs = dict(line.split("=", 1) for line in lines)
    return {name: value.strip("'") for name, value in pairs.items()}


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(item, variables) for key, item in value.items()}
    if isinstance(value, list):
        return [_filled(item, variables) for item in value]
    if not isinstance(value, str):
        return value

    def fill(match: re.Match[str]) -> str:
        name, rule, text = match.groups()
        if name is None:
            return "$"
        given = variables.get(name, "")
        if given or rule is None:
            return given
        if rule == ":?":
            raise KeyError(f"{name}: {text}")
        return str(text)

    return VARIABLE.sub(fill, value)
