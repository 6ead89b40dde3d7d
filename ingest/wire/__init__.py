"""Bytes of Kafka's record batches (format 2) to columns: pure functions, no connection."""
