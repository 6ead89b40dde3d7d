"""`millstream preview`: records beside what the augmentation makes of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console

__all__ = ["preview"]


FileOption = Annotated[
    Path | None, typer.Option(help="A .jsonl, .csv or .parquet file, instead of the topics.")
]
RowsOption = Annotated[
    int, typer.Option(help="How many records to read, the newest of the topics.", min=1)
]
FeatureOption = Annotated[
    str | None, typer.Option(help="To draw; else that of the first step that has one.")
]
ShapeOption = Annotated[
    str | None, typer.Option(help="Of the feature, such as 28,28,1; else that of its step.")
]
TimesOption = Annotated[int, typer.Option(help="How often each is augmented.", min=1, max=12)]
OutputOption = Annotated[Path, typer.Option(help="The picture.")]


def preview(
    file: FileOption = None,
    topic_rows: RowsOption = 200,
    feature: FeatureOption = None,
    shape: ShapeOption = None,
    times: TimesOption = 3,
    output: OutputOption = Path("preview.png"),
    config: ConfigOption = DEFAULT_CONFIG,
) -> None:
    """Show a few records beside what the steps of the augmentation make of them.

    Images, sound and series are drawn, as a PNG; other rows are printed as a table.
    """
    from millstream.augmenting import make_steps
    from millstream.config.config import load_config
    from millstream.durable import make_folder
    from millstream.pipeline import make_schema
    from millstream.preview.look import choose_look, parse_shape
    from millstream.preview.picture import draw_preview
    from millstream.preview.preview import make_preview, read_file, read_topics
    from millstream.preview.table import preview_table
    from millstream.trainable import check_trainable
    from millstream.watch.native_log import native_log

    settings = load_config(config)
    schema = make_schema(settings)
    check_trainable(schema)
    make_folder(settings.state_dir)
    with console.status("reading records ..."), native_log(settings.state_dir / "native.log"):
        steps = make_steps(settings, schema)
        look = choose_look(settings, schema, feature, parse_shape(shape))
        if file is None:
            rows = read_topics(settings, topic_rows)
        else:
            rows = read_file(settings, file, topic_rows)
        shown = make_preview(settings, steps, rows, times)
        path = output if look is None else draw_preview(shown, look, output)
    if look is None:
        console.print(preview_table(shown))
    else:
        console.print(f"drew {path}", markup=False)
