"""`millstream compress`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from millstream.cli.terminal import console, logging_to_terminal

if TYPE_CHECKING:
    from millstream.rungs.file import Compressed

__all__ = ["compress"]

ModelArgument = Annotated[Path, typer.Argument(metavar="MODEL.keras", help="The Keras model.")]
DataOption = Annotated[
    Path,
    typer.Option(help="Rows as the model takes them, with labels: .csv, .parquet or .npz."),
]
OutOption = Annotated[Path, typer.Option("--out", "-o", help="The folder to write.")]
JudgeOption = Annotated[
    list[str],
    typer.Option(
        "--task",
        "--metric",
        help="binary, multiclass or regression, if not as the model's loss says; and the metric"
        " that decides, such as auc, if not the task's usual one.",
    ),
]
SetOption = Annotated[
    list[str],
    typer.Option(
        "--set",
        metavar="KEY=VALUE",
        help="A key of [compress], again and again: rungs=int8,int4 or objective=fastest.",
    ),
]
CodeOption = Annotated[
    Path | None, typer.Option(help="A Python file that registers the model's own layers.")
]


def compress(
    model: ModelArgument,
    data: DataOption,
    out: OutOption,
    label: Annotated[str, typer.Option(help="The label's column.")] = "label",
    judged: JudgeOption = [],  # noqa: B006 - typer reads it, nobody changes it
    settings: SetOption = [],  # noqa: B006 - typer reads it, nobody changes it
    code: CodeOption = None,
) -> None:
    """Make a Keras model smaller or faster, and prove on a part of the rows what that costs.

    Writes the chosen model.tflite, also packed, rungs.json and pareto.png.
    """
    from millstream.rungs.file import FileOptions, compress_file, make_section
    from millstream.rungs.task import task_and_metric

    section = make_section(settings)
    task, metric = task_and_metric(judged)
    with logging_to_terminal("warning"):
        found = compress_file(FileOptions(model, data, label, task, metric, code), section, out)
    console.print(rungs_table(found))
    artifact = found.chosen.artifact
    console.print(
        f"{artifact.rung}: {artifact.bytes:,} bytes, {artifact.gzip_bytes:,} packed, chosen on"
        f" {found.test_rows:,} rows; it is in {out}",
        markup=False,
    )


def rungs_table(found: Compressed) -> Table:
    """A row for each rung."""
    table = Table(header_style="bold", pad_edge=False)
    table.add_column("rung")
    for name in (found.metric, "bytes", "packed", "of float32", "1 row", "32 rows"):
        table.add_column(name, justify="right")
    table.add_column("", overflow="fold")
    for rung in found.rungs:
        table.add_row(*cells(rung, found.metric))
    return table


def cells(rung: dict[str, Any], metric: str) -> list[str]:
    """What is told of a rung."""
    if "skipped" in rung:
        return [rung["rung"], *["-"] * 6, f"skipped: {rung['skipped']}"]
    score = rung["scores"].get(metric)
    latency = rung["latency_ms"]
    word = "chosen" if rung["chosen"] else "passes"
    return [
        rung["rung"],
        "-" if score is None else f"{score:.4f}",
        f"{rung['bytes']:,}",
        f"{rung['gzip_bytes']:,}",
        f"{rung['gzip_ratio']:.0%}",
        *(f"{latency[n] * 1000:,.0f} µs" if n in latency else "-" for n in ("1", "32")),
        f"refused: {rung['refused']}" if rung.get("refused") else word,
    ]
