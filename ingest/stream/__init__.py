"""Streams of rows in an order that offsets alone decide, and states to go on from."""
