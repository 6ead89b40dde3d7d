"""A preview as a table: below each record what becomes of it."""

from __future__ import annotations

from typing import Any

from rich.table import Table
from rich.text import Text

import ingest
from millstream.example import raw_columns
from millstream.preview.preview import Preview

__all__ = ["preview_table"]

ELEMENTS = 8
"""Of a list that are shown."""


def preview_table(preview: Preview) -> Table:
    """Features and label of each record and of its augmentations; what has changed is marked."""
    versions = [_columns(rows, preview.schema) for rows in (preview.original, *preview.augmented)]
    table = Table(header_style="bold", pad_edge=False, caption="* changed")
    table.add_column("record", justify="right")
    table.add_column("", no_wrap=True)
    for name in versions[0]:
        table.add_column(Text(name), justify="right", overflow="fold")
    for row in range(len(preview.original)):
        for number, columns in enumerate(versions):
            cells = [
                _cell(column[row], versions[0][name][row], number > 0)
                for name, column in columns.items()
            ]
            head = ("", f"augmented {number}") if number else (str(row + 1), "as it came")
            table.add_row(*head, *cells, end_section=number == len(versions) - 1)
    return table


def _columns(rows: ingest.Rows, schema: ingest.Schema) -> dict[str, list[Any]]:
    """The features as the records have them, and the label."""
    label = schema.label
    values = rows.labels(schema).tolist()
    if label.dtype == "category":
        values = [label.vocabulary[code] for code in values]
    return {**raw_columns(rows, schema), label.name: values}


def _cell(value: object, original: object, augmented: bool) -> Text:
    changed = augmented and value != original
    text = _told(value) + ("*" if changed else "")
    return Text(text, style="bold" if changed else "dim" if augmented else "")


def _told(value: object) -> str:
    if isinstance(value, list):
        more = ", ..." if len(value) > ELEMENTS else ""
        return ", ".join(map(_told, value[:ELEMENTS])) + more
    return f"{value:.4g}" if isinstance(value, float) else str(value)
