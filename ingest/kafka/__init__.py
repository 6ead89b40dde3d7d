"""All that knows kafka-python: clients, their errors, the source, the seam, group commits."""
