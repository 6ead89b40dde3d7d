"""The state in an object store: each round is brought there before anything depends on it."""
