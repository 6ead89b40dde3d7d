"""A look at the holdout that waits leaves the window as it would have been."""

from ingest import Rows
from tests.ingest.samples import MemorySource
from tests.ingest.test_intake import builder, intakes, records, until
from tests.ingest.test_window import same

__all__ = ["intakes"]


def test_what_waits_is_what_the_window_then_holds_out(intakes) -> None:
    intake = intakes(MemorySource(records(count=300), most=13))
    until(lambda: intake.totals().records == 600)
    looked = intake.holdout()
    window = intake.cut()
    assert looked == Rows.concat([window.validation, window.test])
    assert len(looked) == 80
    assert len(intake.holdout()) == 0


def test_windows_are_the_same_with_looks_and_without(intakes) -> None:
    windows = []
    for looks in (0, 5):
        intake = intakes(MemorySource(records(count=300), most=13), builder())
        for _ in range(looks):
            intake.holdout()
        until(lambda intake=intake: intake.totals().records == 600)
        windows.append(intake.cut())
    assert same(*windows)


def test_a_backlog_is_not_looked_at(intakes) -> None:
    """While only candidates are decoded, what waits is not the sample that it will be."""
    intake = intakes(
        MemorySource(records(count=4000), most=100), backlog_records=10, max_records=500
    )
    until(intake.is_full)
    assert intake.holdout() is None
