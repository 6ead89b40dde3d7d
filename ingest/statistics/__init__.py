"""Statistics of features over the stream, mergeable and a part of the checkpoint."""

from ingest.statistics.statistics import Statistics

__all__ = ["Statistics"]
