"""Digits that come class by class: history and augmentation against forgetting."""
