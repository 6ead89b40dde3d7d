"""Formats of records: from spans of bytes to columns, one format a folder.

`decoder.py` has the contract of them all; what several of them use stands beside it.
"""
