"""Whole payloads: images, sound, bytes."""
