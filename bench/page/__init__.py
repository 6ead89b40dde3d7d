"""What viewers of the live page cost."""
