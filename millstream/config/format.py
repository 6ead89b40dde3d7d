"""The section `[format]`: how a record's value is written."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, Field, model_validator

from ingest import SchemaError
from ingest.formats.packed.layout import packed_dtype
from millstream.config.section import Section

__all__ = ["FormatConfig", "RegistryAccess"]

Kind = Literal["json", "avro", "protobuf", "example", "struct", "raw"]
Item = tuple[Any, ...]
FRAMED = ("json", "avro", "protobuf")
# Which kind each key is for; the others are for all that may be framed.
OWNERS = {
    "avro_schema": "avro",
    "descriptor": "protobuf",
    "message": "protobuf",
    "fields": "struct",
    "media": "raw",
}
NEEDED = {"protobuf": ("message",), "struct": ("fields",)}


def check_url(url: str) -> str:
    """Return the address if it is one of HTTP that holds no user or password.

    Raises:
        ValueError: it is not, or it does.
    """
    if "@" in url:
        raise ValueError('expected no user and password in it; give them as auth = "${NAME}"')
    try:
        parts = urlsplit(url)
        fine = parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        fine = False
    if not fine:
        raise ValueError('expected an address such as "https://registry:8081"')
    return url


def check_items(items: tuple[Item, ...]) -> tuple[Item, ...]:
    """Return the items of a struct, `(name, type)` or `(name, type, length)`, if they are such.

    Raises:
        ValueError: they are not.
    """
    try:
        if items:
            packed_dtype(items)
    except SchemaError as error:
        raise ValueError(str(error).removeprefix("format.fields: ")) from error
    return items


class RegistryAccess(Section):
    """A schema registry: its address, `user:password`, and the file of its authority."""

    url: Annotated[str, AfterValidator(check_url)]
    auth: str | None = Field(None, repr=False)
    ca: Path | None = None


class FormatConfig(Section):
    """How a record's value is written, and what is needed to read it."""

    kind: Kind = "json"
    framing: Literal["none", "confluent"] = "none"
    schema_registry: RegistryAccess | None = None
    avro_schema: Path | None = None
    descriptor: Path | None = None
    message: str | None = None
    fields: Annotated[tuple[Item, ...], AfterValidator(check_items)] = ()
    media: Literal["bytes", "image", "audio"] | None = None

    @model_validator(mode="after")
    def _keys_fit(self) -> FormatConfig:
        for key, kind in OWNERS.items():
            if getattr(self, key) and kind != self.kind:
                raise ValueError(f'"{key}" is for kind = "{kind}", and this is "{self.kind}"')
        for key in NEEDED.get(self.kind, ()):
            if not getattr(self, key):
                raise ValueError(f'kind = "{self.kind}" needs "{key}"')
        self._check_framing()
        return self

    def _check_framing(self) -> None:
        framed = self.framing == "confluent"
        if framed and self.kind not in FRAMED:
            raise ValueError(f'framing = "confluent" is for {", ".join(FRAMED)}')
        if self.schema_registry and not framed:
            raise ValueError('"schema_registry" needs framing = "confluent"')
        if self.kind == "protobuf" and not self.descriptor and not self.schema_registry:
            raise ValueError('kind = "protobuf" needs "descriptor", or a "schema_registry"')
        if self.kind != "avro":
            return
        if framed and not self.schema_registry:
            raise ValueError('kind = "avro" with framing = "confluent" needs "schema_registry"')
        if not framed and not self.avro_schema:
            raise ValueError(
                'kind = "avro" without framing needs "avro_schema", the file of its schema'
            )
