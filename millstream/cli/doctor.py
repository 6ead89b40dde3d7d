"""`millstream doctor`: what is well, what is not, and what to change."""

from __future__ import annotations

import sys

from rich.table import Table

from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console

__all__ = ["doctor"]


def doctor(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Check versions, disk, model, broker, live records and registry; say what to change."""
    from millstream.checkup import examine
    from millstream.config import load_config
    from millstream.durable import make_folder
    from millstream.native_log import native_log

    settings = load_config(config)
    make_folder(settings.state_dir)
    with console.status("checking ..."), native_log(settings.state_dir / "native.log"):
        findings = list(examine(settings))
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        mark = "[green]ok[/green]" if finding.well else "[red]no[/red]"
        table.add_row(mark, finding.check, finding.found)
        if not finding.well:
            table.add_row("", "", f"[bold]change:[/bold] {finding.mend}")
    console.print(table)
    if not all(finding.well for finding in findings):
        sys.exit(8)
