"""Triggers: when a round is due."""
