"""Several pipelines of one file, each a process of its own."""
