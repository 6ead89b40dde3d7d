"""Paired tests: how sure it is that one model is better than another on the same rows."""
