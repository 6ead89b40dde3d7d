"""The ladder's rungs: measured, chosen, reverted and reported; also of a file."""
