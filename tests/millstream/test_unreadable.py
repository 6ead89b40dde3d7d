"""A damaged round keeps the service from nothing that needs it only to be shown."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from millstream.prequential.curve import draw_curve
from millstream.publishing.pruning import may_have_version
from millstream.publishing.tracking import draw
from millstream.rounds.endings import check_progress
from millstream.rounds.store import RoundFolder, RoundStore
from millstream.watch.event_to_model import event_to_model

from .page.state import report, rounds


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


def test_the_age_of_records_is_that_of_the_rounds_after_it(tmp_path: Path) -> None:
    made = rounds(tmp_path, 4, published=False)
    now = datetime.now(UTC)
    times = {"records": 5, "without": 0, "quantiles_ms": [now.timestamp() * 1000 - 500] * 41}
    for number in (1, 2, 3, 4):
        path = made.folder(number).path
        (path / "DONE").unlink()
        made.folder(number).write_report({**report(number), "event_times": times})
        (path / "published.json").unlink(missing_ok=True)
        RoundFolder(path).mark_done("0" * 64)
    (made.folder(2).path / "report.json").write_text("{}")
    found = event_to_model(RoundFolder(made.folder(4).path), now)
    assert found is not None
    assert (found["rounds"], found["records"], found["p50_s"]) == ([3, 4], 10, 0.5)


def test_it_is_no_failure_in_a_row(store: RoundStore) -> None:
    for number in (3, 5):
        path = store.folder(number).path
        (path / "DONE").unlink()
        told = report(number)
        told["training"]["diverged"] = "the loss is not finite"
        RoundFolder(path).write_report(told)
        RoundFolder(path).mark_done("0" * 64)
    (store.folder(4).path / "report.json").write_text("{}")
    check_progress(RoundStore(store.folder(1).path.parent))
