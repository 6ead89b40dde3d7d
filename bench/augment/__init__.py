"""Augmentation beside Keras's layers: `make bench-augment`; see docs/benchmarks.md."""
