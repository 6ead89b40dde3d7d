"""Augmentation: training rows made richer inside the tf.data pipeline, the same in every replay."""
