"""Rare events in a stream: a balanced sample, against a uniform one of the same size."""
