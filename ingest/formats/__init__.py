"""Formats of records: from spans of bytes to columns, one format a file."""
