"""Augmentations of sound: waves and spectrograms."""
