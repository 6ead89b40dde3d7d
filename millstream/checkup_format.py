"""The check of `millstream doctor` that looks at how records are written."""

from __future__ import annotations

import ingest
from ingest.formats.confluent.frame import unframe
from millstream.config.config import Config
from millstream.decoding import make_decoder, make_schema_registry
from millstream.pipeline import make_schema

__all__ = ["check_format", "schema_ids", "tell_ids"]

ANY_ID = 1


def check_format(config: Config) -> str:
    """Whether the format's files and packages are there, fit the schema, and the registry answers.

    Raises:
        ConfigError: a file or a package is missing, or wrong.
        ingest.SchemaError: the format and the schema do not fit together.
        ingest.IngestError: the schema registry cannot be asked.
    """
    section = config.format
    make_decoder(config, make_schema(config))
    told = [section.kind if section.framing == "none" else f"{section.kind} in Confluent's frame"]
    told += [
        f"{key} {path}" for key in ("avro_schema", "descriptor") if (path := getattr(section, key))
    ]
    registry = make_schema_registry(config)
    if registry is not None:
        try:
            registry.schema(ANY_ID)  # known or not, an answer is an answer
        finally:
            registry.close()
        told.append(f"schema registry {registry.url} answers")
    return ", ".join(told)


def schema_ids(config: Config, batch: ingest.RecordBatch) -> set[int]:
    """The ids of the schemas that records say they were written with; none without a frame."""
    if config.format.framing == "none":
        return set()
    return set(unframe(batch).ids.tolist())


def tell_ids(ids: set[int]) -> str:
    """The ids in words, to be put behind a sentence."""
    if not ids:
        return ""
    return f", written with schema {', '.join(str(number) for number in sorted(ids))}"
