"""Structs of fixed layout, little or big endian."""
