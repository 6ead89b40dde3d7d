"""Augmentations of time series."""
