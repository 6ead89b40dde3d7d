"""`millstream doctor`: what is well, what is not, and what to change."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING

from rich.markup import escape
from rich.table import Table

from millstream.cli.options import DEFAULT_CONFIG, ConfigOption
from millstream.cli.terminal import console

if TYPE_CHECKING:
    from millstream.checkup import Finding

__all__ = ["doctor", "findings_table"]


def doctor(config: ConfigOption = DEFAULT_CONFIG) -> None:
    """Check versions, disk, format, model, steps, broker, records, registry; say what to mend."""
    from millstream.checkup import examine
    from millstream.config.config import load_config
    from millstream.durable import make_folder
    from millstream.watch.native_log import native_log

    settings = load_config(config)
    make_folder(settings.state_dir)
    with console.status("checking ..."), native_log(settings.state_dir / "native.log"):
        findings = list(examine(settings))
    console.print(findings_table(findings))
    if not all(finding.well for finding in findings):
        sys.exit(8)


def findings_table(findings: Iterable[Finding]) -> Table:
    """The findings as they are shown, with the sections' brackets."""
    table = Table.grid(padding=(0, 2))
    for finding in findings:
        mark = "[green]ok[/green]" if finding.well else "[red]no[/red]"
        table.add_row(mark, finding.check, escape(finding.found))
        if not finding.well:
            table.add_row("", "", f"[bold]change:[/bold] {escape(finding.mend)}")
    return table
