"""What two pipelines of one service must not share: state, a model's name, a consumer group."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from ingest.redaction import public_uri
from millstream.config.config import Config
from millstream.pipelines.stack import stack_to_be

__all__ = ["faults_between"]


@dataclass(frozen=True)
class Claim:
    """Something that a pipeline must have for itself.

    Attributes:
        what: in words, as in "expected ...".
        keys: equal in two pipelines if they claim the same.
        got: for people.
        mend: the setting to change.
    """

    what: str
    keys: frozenset[str]
    got: str
    mend: str


def faults_between(configs: Sequence[tuple[str, Config]], shared: Path) -> list[str]:
    """One line for each thing that a pipeline shares with an earlier one, or with the service.

    Args:
        configs: the pipelines by the names that their file gives them.
        shared: the folder of the service itself, absolute.
    """
    own = Claim("a state folder of its own", frozenset({str(shared.resolve())}), "", "")
    taken = [("the service's own state_dir", own)]
    faults = []
    for number, (name, config) in enumerate(configs):
        claims = list(claims_of(config, shared))
        for claim in claims:
            holder = next((who for who, other in taken if collide(claim, other)), None)
            if holder is not None:
                faults.append(
                    f"pipelines.{number}.config: {name}: expected {claim.what}, got {claim.got},"
                    f" as {holder} has; {claim.mend}"
                )
        taken += [(f"pipelines.{number} ({name})", claim) for claim in claims]
    return faults


def collide(one: Claim, other: Claim) -> bool:
    """Whether two pipelines claim the same."""
    return one.what == other.what and bool(one.keys & other.keys)


def claims_of(config: Config, shared: Path) -> Iterator[Claim]:
    """What a pipeline must have for itself."""
    folder = str(config.state_dir.resolve())
    mend = "give one of them another service.state_dir"
    if config.remote is not None:
        mend = "give one of them another service.local_dir"
        yield Claim(
            "a state of its own in the object store",
            frozenset({config.remote.rstrip("/")}),
            f'"{public_uri(config.remote)}"',
            "give one of them another service.state_dir",
        )
    yield Claim("a state folder of its own", frozenset({folder}), f'"{folder}"', mend)
    local = f"local:{stack_to_be(config.state_dir, shared).resolve()}"
    uri = config.registry.tracking_uri
    where = "the local registry" if uri is None else public_uri(uri)
    yield Claim(
        "a name of its own in the registry",
        frozenset({f"{(uri or local).rstrip('/')} {config.registry.name}"}),
        f'"{config.registry.name}" in {where}',
        "give one of them another registry.name",
    )
    servers = (config.kafka.bootstrap_servers or local).split(",")
    yield Claim(
        "a consumer group of its own",
        frozenset(f"{server} {config.group_id}" for server in servers),
        f'"{config.group_id}"',
        "give one of them another kafka.group_id"
        if config.kafka.group_id is not None
        else "it follows registry.name",
    )
