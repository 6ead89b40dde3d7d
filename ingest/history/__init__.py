"""History: a long-lived sample of all that ever passed, on disk, mixed into rounds as replay."""

from ingest.history.history import History, HistoryState
from ingest.history.segments import Segments

__all__ = ["History", "HistoryState", "Segments"]
