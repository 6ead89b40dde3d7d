"""Drift: how soon it is found, how often it is cried wolf, and what each reaction gives."""
