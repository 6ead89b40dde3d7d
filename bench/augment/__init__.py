"""Augmentation beside Keras's layers: `make bench-augment`; see docs/augmentation.md."""
