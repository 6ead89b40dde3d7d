"""Avro, read with the writer's schema, resolved to the reader's."""
