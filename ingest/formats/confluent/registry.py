"""A client of a schema registry: the schema that an id in a record stands for.

Speaks the REST interface that Confluent's registry documents and others (Apicurio, Karapace,
Redpanda) offer too: `GET /schemas/ids/{id}` and `GET /subjects/{subject}/versions/{version}`.
"""

from __future__ import annotations

import time
from collections import OrderedDict
from dataclasses import dataclass, replace
from threading import Lock
from typing import Any
from urllib.parse import quote

from ingest.formats.confluent.registry_http import RegistryConnection, RegistrySettings

__all__ = ["RegisteredSchema", "RegistrySettings", "SchemaRegistry"]

MOST_SCHEMAS = 256
MOST_UNKNOWN = 200
UNKNOWN_FOR_S = 30.0
ID_LIMIT = 2**31  # registries take no larger one for an id at all


@dataclass(frozen=True)
class RegisteredSchema:
    """A schema as the registry has it; it never changes.

    Attributes:
        kind: AVRO, PROTOBUF or JSON.
        text: the schema.
        references: the schemas that it refers to, by the names that it calls them; theirs first.
    """

    kind: str
    text: str
    references: tuple[tuple[str, RegisteredSchema], ...] = ()


class SchemaRegistry:
    """Schemas by id, each asked for once: what an id stands for never changes.

    Safe for threads. An unknown id is asked for again after half a minute: it may be a schema that
    has not reached the registry's replica yet. Values that are not in Confluent's frame at all may
    look as if each had an id of its own; so no more than 200 unknown ids are asked for in half a
    minute, and then a new id is unknown until that has passed.

    Args:
        settings: where the registry is.
    """

    def __init__(self, settings: RegistrySettings) -> None:
        self._settings = settings
        self._connection = RegistryConnection(settings)
        self._known: dict[tuple[int, str], RegisteredSchema] = {}
        self._unknown: OrderedDict[tuple[int, str], float] = OrderedDict()
        self._lock = Lock()

    @property
    def url(self) -> str:
        """The registry's address."""
        return self._settings.url

    def schema(self, schema_id: int, form: str = "") -> RegisteredSchema | None:
        """The schema of an id, with all that it refers to.

        Args:
            schema_id: as the record's frame has it.
            form: how the registry is to write it: "" as it was registered, or "serialized" for
                Protobuf's descriptor in base64.

        Returns:
            None when the registry does not know the id; see `why_unknown`.

        Raises:
            SchemaRegistryError: the registry cannot be asked.
        """
        key = (schema_id, form)
        with self._lock:
            if key in self._known:
                return self._known[key]
            if schema_id >= ID_LIMIT or not self._may_ask(key):
                return None
            found = self._ask_for_id(schema_id, form)
            if found is not None:
                self._known[key] = found
            else:
                self._unknown[key] = time.monotonic() + UNKNOWN_FOR_S
            return found

    def why_unknown(self, schema_id: int) -> str:
        """Why `schema` gave None for an id, for people."""
        with self._lock:
            asked = schema_id >= ID_LIMIT or any(schema_id == one for one, _ in self._unknown)
        if asked:
            return f"the registry {self.url} does not know it"
        return (
            f"the registry {self.url} is not asked for it: it does not know {MOST_UNKNOWN} other"
            f" ids of the last {UNKNOWN_FOR_S:g} s"
        )

    def close(self) -> None:
        """Close the connections; twice is as good as once."""
        with self._lock:
            self._connection.close()

    def _may_ask(self, key: tuple[int, str]) -> bool:
        """Whether an id may be asked for (again); `_unknown` has those that expire next first."""
        now = time.monotonic()
        while self._unknown and next(iter(self._unknown.values())) <= now:
            self._unknown.popitem(last=False)
        return key not in self._unknown and len(self._unknown) < MOST_UNKNOWN

    def _ask_for_id(self, schema_id: int, form: str) -> RegisteredSchema | None:
        query = {"format": form, "subject": self._settings.subject or ""}
        body = self._connection.get(
            f"/schemas/ids/{schema_id}", {k: v for k, v in query.items() if v}
        )
        return None if body is None else self._with_references(body, form, {})

    def _with_references(
        self,
        body: dict[str, Any],
        form: str,
        parts: dict[tuple[str, int], RegisteredSchema | None],
    ) -> RegisteredSchema | None:
        """A schema from its JSON; None when one that it refers to is not there.

        `parts` has the schemas that were met so far, None for those that wait for their own.
        """
        schema = RegisteredSchema(body.get("schemaType") or "AVRO", body["schema"])
        found: list[tuple[str, RegisteredSchema]] = []
        for reference in body.get("references") or ():
            subject, version = str(reference["subject"]), int(reference["version"])
            key = (subject, version)
            if key not in parts:
                if len(parts) == MOST_SCHEMAS:
                    raise self._connection.error(
                        f"a schema refers to more than {len(parts)} others"
                    )
                parts[key] = None
                query = {"deleted": "true"} | ({"format": form} if form else {})
                place = f"/subjects/{quote(subject, safe='')}/versions/{version}"
                answer = self._connection.get(place, query)
                if answer is None:
                    return None
                parts[key] = self._with_references(answer, form, parts)
                if parts[key] is None:
                    return None
            part = parts[key]
            if part is None:
                raise self._connection.error(f"{subject} version {version} refers to itself")
            found.append((str(reference["name"]), part))
        return replace(schema, references=tuple(found))
