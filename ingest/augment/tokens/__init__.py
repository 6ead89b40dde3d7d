"""Augmentations of texts, as codes of tokens."""
