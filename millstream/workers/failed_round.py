"""A round that failed on one worker while the others waited for it, and what is done about it.

A single worker records such a round with the reason, and goes on with the next records. Of several
workers the others cannot hear of it: they wait in a sum of gradients that never comes, and after
that TensorFlow sums no more in this process. So the worker that failed leaves a note, and ends; all
begin again, read the very records of that round again, and record it as one that is not trained.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ingest import DeadLetters, KafkaSource, Window, read_window
from ingest.read_window import lost_offsets
from millstream.config.config import Config
from millstream.durable import make_folder, write_bytes
from millstream.errors import RoundStoreError
from millstream.pipeline import Pipeline, make_builder
from millstream.rounds.plan import Plan
from millstream.rounds.seal import file_digest, seal, unseal
from millstream.rounds.store import RoundFolder
from millstream.workers.together import from_chief, own_part, owns

__all__ = ["FailedRound", "find_failed", "forget_failed", "note_failed", "read_failed"]

log = logging.getLogger("millstream")

FORMAT = 1


@dataclass(frozen=True)
class FailedRound:
    """What the note says.

    Attributes:
        plan: of the round; its range, gaps and trigger are those of the round that is recorded.
        why: it cannot be trained.
    """

    plan: Plan
    why: str


def note_failed(config: Config, plan: Plan, parent: RoundFolder, why: str) -> None:
    """Leave the note durably; it takes the place of an older one.

    Args:
        config: names the state folder.
        plan: of the round that failed.
        parent: the round before; the note is good only after this very one.
        why: it failed.
    """
    note = {
        "format": FORMAT,
        "after": file_digest(parent.path / "DONE"),
        "plan": plan.to_json(),
        "why": why,
    }
    path = _path(config)
    make_folder(path.parent)
    write_bytes(path, seal(note))


def find_failed(pipeline: Pipeline, latest: RoundFolder) -> FailedRound | None:
    """The round after `latest` if it has failed; all workers call it, and get the same.

    A note of another round, or of other settings, which may be the mend, is none; nor is a damaged
    one: without it the round is tried again.
    """
    path = _path(pipeline.config)
    note = None
    if pipeline.is_chief and path.exists():
        try:
            note = unseal(path, path.read_bytes())
            is_next = note["after"] == file_digest(latest.path / "DONE")
            is_same = note["plan"]["recipe"] == pipeline.recipe_fingerprint
            note = note if note["format"] == FORMAT and is_next and is_same else None
        except (RoundStoreError, OSError, KeyError, TypeError) as error:
            log.warning("a round that failed is tried again: %s", error)
            note = None
    told = from_chief(note, pipeline.workers)
    return None if told is None else FailedRound(Plan.from_json(told["plan"]), told["why"])


def read_failed(
    pipeline: Pipeline,
    failed: FailedRound,
    connection: Mapping[str, object],
    dead_letters: DeadLetters,
) -> Window | None:
    """This worker's part of the round's window, as it was cut when it failed; all call it.

    Args:
        pipeline: the parts.
        failed: the round.
        connection: options for Kafka.
        dead_letters: where bad records go, unless they are there already.

    Returns:
        The window, or None, for all workers alike, if the broker no longer has all of its records;
        then the round is made of those that there are, and tried again.

    Raises:
        ingest.MissingOffsets: the broker gives none of the records for 30 s.
    """
    plan, workers = failed.plan, pipeline.workers
    start, end = own_part(plan.start, workers), own_part(plan.end, workers)
    source = KafkaSource(pipeline.config.kafka.topics, connection, start, takes=owns(workers))
    try:
        lost = lost_offsets(start, end, source.beginning(), source.end(), plan.gaps)
        if any(map(json.loads, workers.gather(json.dumps(bool(lost)).encode()))):
            return None
        builder = make_builder(pipeline, dead_letters, start)
        read_window(source, builder, end, known_gaps=plan.gaps)
        return builder.cut()
    finally:
        source.close()


def forget_failed(config: Config) -> None:
    """Remove the note, once its round is recorded."""
    with suppress(OSError):
        _path(config).unlink()


def _path(config: Config) -> Path:
    return config.state_dir / "workers" / "failed.json"
