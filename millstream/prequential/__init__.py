"""Test, then train: how a model does on records that it has not seen."""
