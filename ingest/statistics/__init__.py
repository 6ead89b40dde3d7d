"""Statistics of features over the stream, mergeable and a part of the checkpoint."""
