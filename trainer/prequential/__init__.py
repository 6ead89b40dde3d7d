"""Test, then train: baselines, faded scores and slices."""
