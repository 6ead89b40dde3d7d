"""Kills at random instants, for as long as one likes: `make chaos`."""
