"""The text side of the configuration: TOML, references to secrets, errors that name the mend."""

from __future__ import annotations

import difflib
import os
import re
import tomllib
import types
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from ingest.redaction import is_secret, public_uri
from millstream.errors import ConfigError

__all__ = ["expand", "explain", "read_toml"]

_REFERENCE = re.compile(r"\$\{(file:)?([^}]+)\}")


def read_toml(path: Path, missing: str) -> dict[str, Any]:
    """A TOML file as it stands.

    Args:
        path: of the file.
        missing: what to say, and what to do, where there is none.

    Raises:
        ConfigError: it is missing, cannot be read, or is not TOML.
    """
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise ConfigError(f"{path}: no such file; {missing}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}") from error


def expand(value: Any, source: str, place: str = "") -> Any:
    """Replace `${NAME}` and `${file:PATH}` in all strings of a parsed file.

    Raises:
        ConfigError: a variable is not set, a file cannot be read, or a secret is written out.
    """
    if isinstance(value, dict):
        return {k: expand(v, source, f"{place}.{k}" if place else k) for k, v in value.items()}
    if isinstance(value, list):
        return [expand(v, source, place) for v in value]
    if not isinstance(value, str):
        return value
    if is_secret(place.rsplit(".", 1)[-1]) and not _REFERENCE.fullmatch(value):
        raise ConfigError(
            f"{source}: {place}: a secret must not stand in the file;"
            " write ${NAME} (environment) or ${file:PATH}"
        )
    return _REFERENCE.sub(lambda match: _resolve(match, source, place), value)


def _resolve(match: re.Match[str], source: str, place: str) -> str:
    is_file, name = match.groups()
    if not is_file:
        if name not in os.environ:
            raise ConfigError(f"{source}: {place}: environment variable {name} is not set")
        return os.environ[name]
    try:
        return Path(name).read_text(encoding="utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        why = error.strerror if isinstance(error, OSError) else "it is not UTF-8"
        raise ConfigError(f"{source}: {place}: {name} cannot be read: {why}") from None


def explain(error: ValidationError, model: type[BaseModel], source: str) -> str:
    """One line per fault: `file: section.key: what is wrong; what to change`.

    A key that is missing because it is misspelt is told once, by its misspelling.
    """
    lines, meant = {}, set()
    for fault in error.errors():
        path = tuple(str(part) for part in fault["loc"])
        near = _nearest(path, model) if fault["type"] == "extra_forbidden" else None
        if near is not None:
            meant.add((*path[:-1], near))
        place = ".".join(path) or "top level"
        lines[fault["type"], path] = f"{source}: {place}: {_sentence(fault, path, near, model)}"
    told = [line for (kind, path), line in lines.items() if kind != "missing" or path not in meant]
    return "\n".join(told)


def _sentence(
    fault: Mapping[str, Any], path: tuple[str, ...], near: str | None, model: type[BaseModel]
) -> str:
    if fault["type"] == "extra_forbidden":
        known = ", ".join(sorted(_keys_at(model, path[:-1])))
        return f'unknown key; did you mean "{near}"?' if near else f"unknown key; known: {known}"
    if fault["type"] == "missing":
        return "missing; it has no default"
    if fault["type"] in {"model_type", "dict_type"}:
        return f"expected a table{_told_keys(model, path)}{_got(fault, path)}"
    if fault["type"] == "tuple_type":
        return f"expected a list in brackets{_got(fault, path)}"
    message = str(fault["msg"]).removeprefix("Value error, ")
    return message[0].lower() + message[1:] + _got(fault, path)


def _got(fault: Mapping[str, Any], path: tuple[str, ...]) -> str:
    got = fault.get("input")
    if not isinstance(got, (str, int, float, bool)) or (path and is_secret(path[-1])):
        return ""
    return f"; got {(public_uri(got) if isinstance(got, str) else got)!r}"


def _told_keys(model: type[BaseModel], path: tuple[str, ...]) -> str:
    keys = sorted(_keys_at(model, path))
    return f" with keys of {', '.join(keys)}" if keys else ""


def _nearest(path: tuple[str, ...], model: type[BaseModel]) -> str | None:
    close = difflib.get_close_matches(path[-1], list(_keys_at(model, path[:-1])), n=1)
    return close[0] if close else None


def _keys_at(model: type[BaseModel], path: Iterable[str]) -> Iterable[str]:
    current: type[BaseModel] | None = model
    for part in path:
        if current is None:
            return []
        by_key = {field.alias or name: field for name, field in current.model_fields.items()}
        current = _model_in(by_key[part].annotation) if part in by_key else current
    if current is None:
        return []
    hidden = {"directory"}
    return [f.alias or n for n, f in current.model_fields.items() if n not in hidden]


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and not isinstance(annotation, types.GenericAlias):
        return annotation if issubclass(annotation, BaseModel) else None
    found = (_model_in(argument) for argument in get_args(annotation))
    return next((model for model in found if model is not None), None)
