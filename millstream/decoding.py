"""The decoder that the configuration describes."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import ingest
from millstream.config.config import Config
from millstream.errors import ConfigError

if TYPE_CHECKING:
    from ingest.formats.confluent.registry import SchemaRegistry

__all__ = ["make_decoder", "make_schema_registry", "read_bytes"]

Make = Callable[[Config, ingest.Schema], ingest.Decoder]


def make_decoder(config: Config, schema: ingest.Schema) -> ingest.Decoder:
    """What reads the records, as `[format]` says.

    Raises:
        ConfigError: a file of the format cannot be read or is none, or what is needed to read the
            format is not installed.
        ingest.SchemaError: the format and the schema do not fit together.
    """
    try:
        return MAKERS[config.format.kind](config, schema)
    except ingest.SettingsError as error:
        raise ConfigError(f"format: {error}") from error


def make_schema_registry(config: Config) -> SchemaRegistry | None:
    """The client of the schema registry, if there is one.

    Raises:
        ingest.SettingsError: the address, the credentials or the file of its authority are none.
    """
    from ingest.formats.confluent.registry import RegistrySettings, SchemaRegistry

    access = config.format.schema_registry
    if access is None:
        return None
    ca = None if access.ca is None else config.directory / access.ca
    return SchemaRegistry(RegistrySettings(access.url, access.auth, ca))


def make_json(config: Config, schema: ingest.Schema) -> ingest.Decoder:
    """Of JSON objects, in Confluent's frame or not."""
    decoder = ingest.JsonDecoder(schema, config.kafka.max_record_bytes)
    if config.format.framing == "none":
        return decoder
    from ingest.formats.confluent.frame import Unframed

    return Unframed(decoder, config.kafka.max_record_bytes)


def make_avro(config: Config, schema: ingest.Schema) -> ingest.Decoder:
    """Of Avro, by the schema in the file or those in the registry."""
    from ingest.formats.avro.decoder import AvroDecoder

    return AvroDecoder(
        schema,
        registry=make_schema_registry(config),
        avro_schema=read_text(config, "avro_schema"),
        max_record_bytes=config.kafka.max_record_bytes,
    )


def make_example(config: Config, schema: ingest.Schema) -> ingest.Decoder:
    """Of TensorFlow's Examples."""
    return ingest.ExampleDecoder(schema, config.kafka.max_record_bytes)


def make_packed(config: Config, schema: ingest.Schema) -> ingest.Decoder:
    """Of structs of a fixed size."""
    return ingest.PackedDecoder(schema, config.format.fields, config.kafka.max_record_bytes)


def make_protobuf(config: Config, schema: ingest.Schema) -> ingest.Decoder:
    """Of Protobuf, by the descriptor in the file or those in the registry."""
    from ingest.formats.protobuf.decoder import ProtobufDecoder

    return ProtobufDecoder(
        schema,
        message=config.format.message or "",
        descriptor=read_bytes(config, "descriptor"),
        framed=config.format.framing == "confluent",
        registry=make_schema_registry(config),
        max_record_bytes=config.kafka.max_record_bytes,
    )


def read_bytes(config: Config, key: str) -> bytes | None:
    """The content of a file of the format, or None if it is not configured.

    Raises:
        ConfigError: it cannot be read.
    """
    name = getattr(config.format, key)
    if name is None:
        return None
    path = config.directory / name
    try:
        content: bytes = path.read_bytes()
    except OSError as error:
        raise ConfigError(f"format.{key}: {path} cannot be read: {error.strerror}") from error
    return content


def read_text(config: Config, key: str) -> str | None:
    """As `read_bytes`, decoded.

    Raises:
        ConfigError: it cannot be read, or is not UTF-8.
    """
    content = read_bytes(config, key)
    try:
        return None if content is None else content.decode()
    except UnicodeDecodeError as error:
        raise ConfigError(f"format.{key}: expected a text in UTF-8: {error}") from error


def refuse_raw(_config: Config, _schema: ingest.Schema) -> ingest.Decoder:
    """Raw values are bytes of any length, which no model of the service takes.

    Raises:
        ConfigError: always.
    """
    raise ConfigError(
        'format.kind: the service cannot train on "raw" records, which are bytes of any length;'
        " read them with millstream.dataset, or send numbers in another format"
    )


MAKERS: dict[str, Make] = {
    "json": make_json,
    "avro": make_avro,
    "example": make_example,
    "protobuf": make_protobuf,
    "struct": make_packed,
    "raw": refuse_raw,
}
