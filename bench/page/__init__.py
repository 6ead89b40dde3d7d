"""What viewers of the live page cost: the page's process, and the trainer beside it."""
