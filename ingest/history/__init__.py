"""History: a long-lived sample of all that ever passed, on disk, mixed into rounds as replay."""

from ingest.history.history import History
from ingest.history.segments import Segments
from ingest.history.state import HistoryState

__all__ = ["History", "HistoryState", "Segments"]
