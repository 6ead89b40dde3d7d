"""Augmentations of tables: numbers, categories, rare classes."""
