"""Tests mirror the rooms: tests/<room>/test_*.py."""
