"""Tests of the local servers, on real ones."""
