"""What is noticed of drift, what is kept of it, and what a round does about it."""
