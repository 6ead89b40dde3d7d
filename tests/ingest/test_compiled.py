"""Compiled code on disk is that of the sources of now, also of other files than the entry's."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
INNER = """
from ingest.compiled import compiled

@compiled
def change(number):
    return number + {0}
"""
ENTRY = """
from ingest.compiled import entry, fingerprint
from inner import change

@entry(fingerprint(__file__, "inner.py"))
def call(number):
    return change(number)

print(call(1), sum(call.stats.cache_hits.values()))
"""


def call(folder: Path) -> list[str]:
    """What the entry returns, and how often its code came from disk."""
    done = subprocess.run(
        [sys.executable, "entry.py"],
        env={**os.environ, "PYTHONPATH": str(ROOT), "NUMBA_CACHE_DIR": str(folder / "cache")},
        cwd=folder,
        capture_output=True,
        text=True,
        check=True,
    )
    return done.stdout.split()


def test_code_is_kept_until_a_file_that_it_came_from_changes(tmp_path: Path) -> None:
    (tmp_path / "entry.py").write_text(ENTRY)
    (tmp_path / "inner.py").write_text(INNER.format(1))
    assert [call(tmp_path), call(tmp_path)] == [["2", "0"], ["2", "1"]]
    (tmp_path / "inner.py").write_text(INNER.format(2))
    assert [call(tmp_path), call(tmp_path)] == [["3", "0"], ["3", "1"]]
