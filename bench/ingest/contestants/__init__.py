"""One way of reading a topic each, run as a process of its own: see `bench.ingest.lap`."""
