"""A damaged round keeps the service from nothing that needs it only to be shown."""

from __future__ import annotations

from pathlib import Path

import pytest

from millstream.curve import draw_curve
from millstream.pruning import may_have_version
from millstream.round_store import RoundStore
from millstream.tracking import draw

from .page.state import rounds


@pytest.fixture
def store(tmp_path: Path) -> RoundStore:
    """Five rounds; of one the report is damaged, of another what the registry made of it."""
    made = rounds(tmp_path, 5)
    (made.folder(2).path / "report.json").write_text("{}")
    (made.folder(4).path / "published.json").write_text("[]")
    return RoundStore(tmp_path / "rounds")


def test_pictures_leave_it_out(store: RoundStore, tmp_path: Path) -> None:
    assert draw_curve(store, tmp_path / "curve.png").stat().st_size > 1000
    drawn = draw(store.complete()[1:], "auc", tmp_path)
    assert drawn["faded.png"].stat().st_size > 1000


def test_its_weights_stay_when_nobody_knows_whether_it_has_a_version(store: RoundStore) -> None:
    told = {folder.number for folder in store.complete() if may_have_version(folder)}
    assert told == {1, 2, 3, 4, 5}
