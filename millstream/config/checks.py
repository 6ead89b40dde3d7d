"""What configured names, addresses and ranges must be; each check says what is wrong with one."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Literal, TypeVar

__all__ = [
    "check_dead_letters",
    "check_length",
    "check_model_name",
    "check_options",
    "check_otlp",
    "check_range",
    "check_servers",
    "check_topics",
]

T = TypeVar("T", bound=Iterable[str])
TOPIC = re.compile(r"(?!\.{1,2}$)[A-Za-z0-9._-]{1,249}")
SERVER = re.compile(r"(?:\[[0-9A-Fa-f:.]+\]|[A-Za-z0-9._-]+):(?P<port>[0-9]{1,5})")
OTLP = re.compile(r"https?://[^/?#@\s]+(?:/[^?#@\s]*)?")
MODEL_NAME = re.compile(r"(?=.*[^ ])[A-Za-z0-9._ -]+")
RESERVED_OPTIONS = {
    "bootstrap_servers": "write it as kafka.bootstrap_servers",
    "max_batch_bytes": "write it as kafka.max_batch_bytes",
    "group_id": "write it as kafka.group_id",
    "auto_offset_reset": "kafka.start says where the first round begins",
    "enable_auto_commit": "millstream commits by itself, after each round",
}


def check_topics(topics: tuple[str, ...]) -> tuple[str, ...]:
    """Return the topics if they are distinct names.

    Raises:
        ValueError: one is no name of a topic, or is there twice.
    """
    for topic in topics:
        _check_topic(topic)
        if topics.count(topic) > 1:
            raise ValueError(f'topic "{topic}" is there twice; name it once')
    return topics


def check_servers(servers: str | None) -> str | None:
    """Return `host:port[,host:port]` if it is of that form.

    Raises:
        ValueError: it is not, or a port is out of range.
    """
    for server in [] if servers is None else servers.split(","):
        found = SERVER.fullmatch(server)
        if found is None or not 0 < int(found["port"]) < 2**16:
            raise ValueError(
                'expected "host:port", several separated by commas without spaces, the port from 1'
                " to 65535"
            )
    return servers


def check_otlp(address: str | None) -> str | None:
    """Return the address of an OpenTelemetry collector if it is one, and holds no secret.

    Raises:
        ValueError: it is not of the form http(s)://host:port, or has a user or a query.
    """
    if address is not None and OTLP.fullmatch(address) is None:
        raise ValueError(
            'expected "http://host:4318" or the like, without user, password and query; secrets of'
            " a collector go into the variable OTEL_EXPORTER_OTLP_HEADERS"
        )
    return address


def check_dead_letters(pattern: str, topics: Sequence[str]) -> str:
    """Return the pattern if it gives each topic's dead letters a topic of their own.

    Raises:
        ValueError: for one of the topics it does not.
    """
    for topic in topics:
        letters = pattern.replace("{topic}", topic)
        _check_topic(letters)
        if letters in topics:
            raise ValueError(
                f'the dead letters of topic "{topic}" would go to "{letters}", which is in'
                " kafka.topics; they need a topic of their own, such as {topic}.dead-letters"
            )
    return pattern


def check_options(options: T) -> T:
    """Return the options of kafka-python if none is millstream's to set.

    Raises:
        ValueError: names the first that is.
    """
    for name in options:
        if name in RESERVED_OPTIONS:
            raise ValueError(f"{name} is not to be set here; {RESERVED_OPTIONS[name]}")
    return options


def check_model_name(name: str) -> str:
    """Return the name if a model can be registered under it.

    Raises:
        ValueError: it is empty, or has other characters.
    """
    if MODEL_NAME.fullmatch(name) is None:
        raise ValueError('expected letters, digits, " ", ".", "_", "-"')
    return name


def check_length(length: object) -> int | Literal["ragged"]:
    """Return the length of a list if it can be one.

    Raises:
        ValueError: it is neither a whole number from 1 nor "ragged".
    """
    if length == "ragged":
        return "ragged"
    if isinstance(length, int) and not isinstance(length, bool) and length >= 1:
        return length
    raise ValueError('expected a whole number from 1 or "ragged"')


def check_range(kind: str, lowest: float | None, highest: float | None) -> None:
    """Refuse a range that is empty, or that a field of this type cannot have.

    Raises:
        ValueError: says which of the two.
    """
    numbers = {"float32", "float64", "int32", "int64"}
    if kind not in numbers and (lowest, highest) != (None, None):
        raise ValueError(f"only a number has min or max, and this is a {kind}; remove them")
    if lowest is not None and highest is not None and lowest > highest:
        raise ValueError(f"expected min to be at most max, got min {lowest:g}, max {highest:g}")


def _check_topic(name: str) -> None:
    if TOPIC.fullmatch(name) is None:
        raise ValueError(
            f'"{name}" is not a name of a topic: expected 1 to 249 letters, digits, ".", "_", "-"'
        )
