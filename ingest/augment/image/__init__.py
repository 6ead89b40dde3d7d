"""Augmentations of images."""
