"""Files that a Protobuf schema may import without bringing them along.

A registry keeps none of these with the schemas that import them: Confluent's clients have
google/protobuf, google/type and confluent built in, and leave them out when they register a schema.
"""

from __future__ import annotations

import importlib
from typing import Any

__all__ = ["known_file"]

NAMES = "any api descriptor duration empty field_mask source_context struct timestamp type wrappers"
WITH_PROTOBUF = frozenset(NAMES.split())
META = "confluent/meta.proto"
DECIMAL = "confluent/type/decimal.proto"
OLDER_DECIMAL = "confluent/types/decimal.proto"
STRING, BYTES, UINT32, INT32 = 9, 12, 13, 5
FIELDS = {
    META: ("Meta", [("doc", STRING)]),
    DECIMAL: ("Decimal", [("value", BYTES), ("precision", UINT32), ("scale", INT32)]),
    "confluent/type/variant.proto": ("Variant", [("metadata", BYTES), ("value", BYTES)]),
}


def known_file(name: str) -> Any:
    """The FileDescriptorProto of a file by its name in imports; None for any other.

    Those of google/type come from the package googleapis-common-protos, and are known if it is
    installed. Confluent's meta.proto describes options of other schemas, which are not read here,
    so it is known without them.
    """
    from google.protobuf import descriptor_pb2

    file = descriptor_pb2.FileDescriptorProto(name=name, syntax="proto3")
    if name in FIELDS:
        message, fields = FIELDS[name]
        file.package = name.rpartition("/")[0].replace("/", ".")
        made = file.message_type.add(name=message)
        for number, (field, kind) in enumerate(fields, 1):
            made.field.add(name=field, number=number, type=kind, label=1)
        return file
    if name == OLDER_DECIMAL:
        file.dependency.append(DECIMAL)
        file.public_dependency.append(0)
        return file
    module = _module(name)
    if module is None:
        return None
    module.DESCRIPTOR.CopyToProto(file)
    return file


def _module(name: str) -> Any:
    """The module that was made of a file of Google's."""
    folder, _, base = name.removesuffix(".proto").rpartition("/")
    google = folder == "google/protobuf" and base in WITH_PROTOBUF
    if not google and not (folder == "google/type" and base.isidentifier()):
        return None
    try:
        return importlib.import_module(f"{folder.replace('/', '.')}.{base}_pb2")
    except ImportError:
        return None
