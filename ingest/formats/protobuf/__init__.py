"""Protobuf, by a descriptor."""
