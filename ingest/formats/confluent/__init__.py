"""Confluent's frame, and the schemas of a registry that it names."""
